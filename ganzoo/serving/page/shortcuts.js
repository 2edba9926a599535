// What keys do, and the dialog that says so.

import { element } from "./dom.js";

const KEYS = [
  ["N", "new pictures, of new seeds"],
  ["← ↑ → ↓", "from picture to picture"],
  ["Enter", "keep the picture, or no longer"],
  ["[ and ]", "less or more truncation"],
  ["0 … 9", "the class of that number"],
  ["A", "all classes"],
  ["P", "play the walk, or pause it"],
  ["S", "save the pictures as PNG"],
  ["M", "all models"],
  ["?", "this list"],
];
const TYPING = "input:not([type=range]), select, textarea, [contenteditable]";

/** `actions` are functions by key, in small letters; "digit" is given the number. */
export function listenForKeys(actions) {
  const dialog = document.getElementById("shortcuts");
  const rows = KEYS.flatMap(([keys, words]) => [element("dt", {}, element("kbd", {}, keys)), element("dd", {}, words)]);
  document.getElementById("keys").replaceChildren(...rows);
  document.getElementById("help").addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.repeat && event.key.toLowerCase() === "n")) return;
    if (event.target.closest?.(TYPING) || document.querySelector("dialog[open]")) return;
    if (event.key === "?") return dialog.showModal();
    if (/^\d$/.test(event.key)) actions.digit(Number(event.key));
    else actions[event.key.toLowerCase()]?.();
  });
}
