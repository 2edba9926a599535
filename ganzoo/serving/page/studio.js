// One model: its pictures or points, what they share, and what the user keeps of them.

import { where } from "./engine.js";
import { button, complain, element, say } from "./dom.js";
import { codeControls } from "./codes.js";
import { classControl, section, seedControls, truncationControl } from "./controls.js";
import { fileName, saveCanvas, saveGif, saveNpy, savePng } from "./downloads.js";
import { keptTray } from "./kept.js";
import { newestOnly } from "./latest.js";
import { pictureGrid } from "./pictures.js";
import { FRAME_SECONDS, walkPlayer } from "./player.js";
import { drawItems } from "./samples.js";
import { pointPlot } from "./scatter.js";
import { itemsOf, writeItem, writeState } from "./state.js";
import { facts, itemWords, plural, sceneWords, whatItDraws, whatItLearnt } from "./words.js";

/**
 * Fills `root` with the model; `change(state => fields, "push" | "replace")` is told of what the user wants.
 * Gives { show(state), togglePlay, savePicture, close }.
 */
export function openStudio(root, model, change, isAlone) {
  const isPictures = model.kind === "pictures";
  const drawn = { state: null, samples: null }; // what is on the stage now
  const save = savers(model, drawn);
  const stage = isPictures ? pictureGrid(model, (item) => toggleKept(item, model, change)) : pointPlot(model);
  const caption = element("p", { class: "caption" });
  const parts = controlsOf(model, change);
  const collection = isPictures ? collectionOf(model, change, save) : null;
  root.replaceChildren(
    heading(model, isAlone),
    element(
      "div",
      { class: `studio ${model.kind}` },
      element(
        "div",
        { class: "bench" },
        stageSection(model, stage, caption, collection),
        controlSection(model, parts, save),
      ),
      collection?.element ?? null,
    ),
    about(model),
  );
  const drawing = drawingOf(model, stage, caption, drawn);

  return {
    show(state) {
      drawing.show(state);
      parts.forEach((part) => part.show(state));
      collection?.show(state);
    },
    togglePlay: () => collection?.toggle(),
    savePicture: save.png,
    close() {
      drawing.stop();
      collection?.stop();
    },
  };
}

function stageSection(model, stage, caption, collection) {
  const below = element("div", { class: "below" }, caption, collection?.jump ?? null);
  const title = model.kind === "pictures" ? "Pictures" : "Points";
  return element("section", { class: "stage", "aria-label": title }, stage.element, below);
}

function controlSection(model, parts, save) {
  const attributes = { class: "controls", role: "region", "aria-label": "Controls" };
  return element("div", attributes, ...parts.map((part) => part.element), saveSection(model, save));
}

/** Keeps the stage up to date: only what differs from what is there is drawn, and of many changes the last. */
function drawingOf(model, stage, caption, drawn) {
  let wanted = "";
  let latest = null; // what is kept may change while pictures are drawn
  const wish = newestOnly((error) => {
    wanted = ""; // the next change tries again
    complain(error);
  });

  function show(state) {
    latest = state;
    const key = writeState({ ...state, kept: [], frame: 0 }, model);
    if (key === wanted) return drawn.samples && stage.mark(state.kept);
    wanted = key;
    wish(async (signal) => {
      stage.element.setAttribute("aria-busy", "true");
      const samples = await drawItems(model, itemsOf(state, model), state.truncation, signal);
      await stage.show(itemsOf(state, model), samples);
      Object.assign(drawn, { state, samples });
      stage.mark(latest.kept);
      stage.element.setAttribute("aria-busy", "false");
      caption.textContent = sceneWords(state, model);
      complain();
      say(`${plural(state.count, model.kind === "points" ? "point" : "picture")}: ${sceneWords(state, model)}`);
    });
  }
  return { show, stop: wish.stop };
}

function controlsOf(model, change) {
  return [
    seedControls(model, change),
    model.labels && classControl(model, change),
    codeControls(model, change),
    model.truncation !== "none" && truncationControl(model, change),
  ].filter(Boolean);
}

function toggleKept(item, model, change) {
  change(({ kept }) => {
    const others = kept.filter((other) => writeItem(other) !== writeItem(item));
    const isKept = others.length < kept.length;
    say(`${itemWords(item, model)} is ${isKept ? "no longer kept" : "kept"}.`);
    return { kept: isKept ? others : [...others, item], frame: 0 };
  }, "replace");
}

/** The tray and the walk through it. */
function collectionOf(model, change, save) {
  const tray = keptTray(model, (item) => toggleKept(item, model, change), save.one);
  const player = walkPlayer(model, change, (pressed) => save.gif(player, pressed));
  return {
    element: element("div", { class: "collection" }, tray.element, player.element),
    jump: tray.jump,
    show(state) {
      tray.show(state);
      player.show(state);
    },
    toggle: player.toggle,
    stop() {
      tray.stop();
      player.stop();
    },
  };
}

/** What each button saves; nothing before something was drawn. */
function savers(model, drawn) {
  const withSamples = (work) => () => drawn.samples && work(drawn.samples, fileName(model, drawn.state));
  return {
    png: withSamples((samples, name) => savePng(model, samples, name)),
    npy: withSamples((samples, name) => saveNpy(model, samples, name)),
    one: ({ seed }, canvas) => saveCanvas(canvas, fileName(model, { seed, count: 1 })),
    async gif(player, pressed) {
      pressed.disabled = true;
      try {
        saveGif(model, await player.frames(), FRAME_SECONDS, `${model.name}-walk`);
      } catch (error) {
        complain(error);
      }
      pressed.disabled = false;
    },
  };
}

function saveSection(model, save) {
  const copy = button("Copy link", {
    onclick: () => navigator.clipboard.writeText(location.href).then(() => say("The link was copied."), complain),
  });
  const png = button("PNG", {
    "aria-label": model.kind === "points" ? "Save the plot as PNG" : "Save the grid as PNG",
    "aria-keyshortcuts": "s",
    onclick: save.png,
  });
  const npy = button("NumPy", { "aria-label": "Save as a NumPy array, npy", onclick: save.npy });
  // Browsers let pages write to the clipboard on this machine and over https alone.
  return section("Save", element("div", { class: "buttons" }, png, npy, navigator.clipboard ? copy : null));
}

function heading(model, isAlone) {
  return element(
    "div",
    { class: "heading" },
    isAlone ? null : element("a", { class: "back", href: "#" }, "← All models"),
    element("h1", { tabindex: "-1" }, model.name),
    element("p", { class: "lead" }, `${whatItDraws(model)} · ${whatItLearnt(model)} · recipe ${model.recipe}`),
  );
}

function about(model) {
  const list = facts(model).flatMap(([what, words]) => [element("dt", {}, what), element("dd", {}, words)]);
  const api =
    where === "server"
      ? element("p", {}, "Apps draw the same pictures through ", element("a", { href: "docs" }, "the API"), ".")
      : null;
  return element(
    "details",
    { class: "about" },
    element("summary", {}, "About this model"),
    element("dl", {}, ...list),
    api,
  );
}
