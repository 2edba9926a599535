// What keys do, and the dialog that says so and turns them off.

import { element } from "./dom.js";
import { recall, remember } from "./memory.js";

const KEYS = [
  ["← ↑ → ↓", "from picture to picture"],
  ["Enter", "keep the picture, or no longer"],
];
const CHARACTERS = [
  ["N", "new pictures, of new seeds"],
  ["[ and ]", "less or more truncation"],
  ["0 … 9", "the class of that number"],
  ["A", "all classes"],
  ["P", "play the walk, or pause it"],
  ["S", "save the pictures as PNG"],
  ["M", "all models"],
  ["?", "this list"],
];
const TYPING = "input:not([type=range]), select, textarea, [contenteditable]";
const PLACE = "ganzoo-shortcuts";

/** `actions` are functions by key, in small letters; "digit" is given the number. */
export function listenForKeys(actions) {
  const dialog = document.getElementById("shortcuts");
  document.getElementById("keys").replaceChildren(...rows(KEYS));
  document.getElementById("characters").replaceChildren(...rows(CHARACTERS));
  document.getElementById("help").addEventListener("click", () => dialog.showModal());
  const areOn = onSwitch();
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.repeat && event.key.toLowerCase() === "n")) return;
    if (!areOn() || event.target.closest?.(TYPING) || document.querySelector("dialog[open]")) return;
    if (event.key === "?") return dialog.showModal();
    if (/^\d$/.test(event.key)) actions.digit(Number(event.key));
    else actions[event.key.toLowerCase()]?.();
  });
}

function rows(keys) {
  return keys.flatMap(([key, words]) => [element("dt", {}, element("kbd", {}, key)), element("dd", {}, words)]);
}

// Whoever speaks to a computer, or touches keys by accident, sets off single letters (WCAG 2.2, 2.1.4).
function onSwitch() {
  const field = document.getElementById("keys-on");
  const show = () => document.body.classList.toggle("keys-off", !field.checked);
  field.checked = recall("localStorage", PLACE) !== "off";
  field.addEventListener("change", () => {
    remember("localStorage", PLACE, field.checked ? "on" : "off");
    show();
  });
  show();
  return () => field.checked;
}
