// The page's beginning: which view the address asks for, and how the two stay in step.

import * as engine from "./engine.js";
import { showCards } from "./cards.js";
import { freshSeed } from "./controls.js";
import { complain, element } from "./dom.js";
import { listenForKeys } from "./shortcuts.js";
import { fitted, readState, writeState } from "./state.js";
import { openStudio } from "./studio.js";

const REST = 150; // milliseconds without a change after which the address follows; browsers refuse hundreds in a row
const STEP = 0.05; // of truncation, for a key

const main = document.getElementById("main");
let models = [];
let studio = null; // the open view of a model, or null for the cards
let model = null;
let state = null;
let later = null; // timer of an address that is to be written

start();

async function start() {
  try {
    models = await engine.models();
  } catch (error) {
    main.replaceChildren();
    return complain(error);
  }
  window.addEventListener("popstate", (event) => follow(event.state?.ours === true));
  document.getElementById("skip").addEventListener("click", skip);
  document.addEventListener("click", settle, true); // a link may lead away, or the address be copied
  listenForKeys(actions);
  writeColophon();
  follow(false);
}

/** Shows what the address asks for. */
function follow(isOurs) {
  clearTimeout(later);
  later = null;
  const before = { model, kept: state?.kept };
  const asked = readState(location.hash);
  const name = asked.model || (models.length === 1 ? models[0].name : "");
  model = models.find((each) => each.name === name) ?? null;
  complain(name && !model ? new Error(`There is no model called ${name} here; choose one of these.`) : null);
  if (!model) return showAll();
  state = fitted({ ...asked, model: name }, model);
  // Going back to earlier seeds is not to lose what was kept since.
  if (isOurs && before.model === model) state.kept = before.kept;
  if (before.model !== model || !studio) open();
  studio.show(state);
  history.replaceState({ ours: true }, "", writeState(state, model));
}

function open() {
  studio?.close();
  const isFirst = studio === null && !main.querySelector("h1");
  studio = openStudio(main, model, change, models.length === 1);
  arrive(`${model.name} · ganzoo`, isFirst);
}

function showAll() {
  const isFirst = !main.querySelector("h1");
  studio?.close();
  studio = null;
  showCards(main, models);
  arrive("ganzoo", isFirst);
}

// Whoever comes by keyboard or hears the page is told of a new view; at the first one browsers do so.
function arrive(title, isFirst) {
  document.title = title;
  if (isFirst) return;
  window.scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

/** The one way in which the state changes; `how` is "push" for what the back button undoes, or "replace". */
function change(wish, how) {
  if (how === "push") settle();
  const next = fitted({ ...state, ...wish(state) }, model);
  const isSame = writeState(next, model) === writeState(state, model);
  state = next;
  if (how === "push" && !isSame) history.pushState({ ours: true }, "", writeState(state, model));
  if (how === "replace") {
    clearTimeout(later);
    later = setTimeout(writeAddress, REST);
  }
  studio.show(state);
}

// What is about to change the address, or to read it, finds it up to date.
function settle() {
  if (later !== null) writeAddress();
}

function writeAddress() {
  clearTimeout(later);
  later = null;
  history.replaceState({ ours: true }, "", writeState(state, model));
}

const inStudio = (work) => (argument) => studio && work(argument);
const truncate = (by) => change(({ truncation }) => ({ truncation: Number((truncation + by).toFixed(2)) }), "replace");

const actions = {
  n: inStudio(() => change((now) => ({ seed: freshSeed(now) }), "push")),
  a: inStudio(() => change(() => ({ label: null }), "push")),
  digit: inStudio((label) => label < (model.labels?.length ?? 0) && change(() => ({ label }), "push")),
  "[": inStudio(() => truncate(-STEP)),
  "]": inStudio(() => truncate(STEP)),
  p: inStudio(() => studio.togglePlay()),
  s: inStudio(() => studio.savePicture()),
  m: () => {
    settle();
    location.hash = "";
  },
};

function skip(event) {
  event.preventDefault(); // the address's fragment is the state
  main.focus();
}

function writeColophon() {
  const api = engine.where === "server" ? [" ", element("a", { href: "docs" }, "Use them from an app.")] : [];
  document
    .getElementById("colophon")
    .replaceChildren("The same seed draws the same picture, here and everywhere.", ...api);
}
