// The pictures that the user has kept, in the order in which they were.

import { button, complain, element } from "./dom.js";
import { newestOnly } from "./latest.js";
import { paint, pictureCanvas } from "./pixels.js";
import { drawItems } from "./samples.js";
import { writeItem } from "./state.js";
import { itemWords } from "./words.js";

/**
 * Gives { element, jump, show(state), stop }, `jump` being a button that leads there where it is out of sight.
 * `remove(item)` and `save(item, canvas)` are called for buttons.
 */
export function keptTray(model, remove, save) {
  const list = element("ol", { class: "tray" });
  const title = element("h2", { tabindex: "-1" }, "Kept");
  const hint = element(
    "p",
    { class: "hint" },
    "Click on a picture to keep it. Two that are kept can be walked between.",
  );
  const jump = button("", { class: "jump", hidden: true, onclick: () => title.focus() });
  const wish = newestOnly(complain);
  const places = new Map(); // written item → { node, canvas, item }
  let drawn = "";

  function removeAndStay(item, node) {
    const next = node.nextElementSibling ?? node.previousElementSibling;
    remove(item);
    (next?.querySelector("button:last-of-type") ?? title).focus(); // a focus that is lost begins at the page's top
  }

  function place(item) {
    const key = writeItem(item);
    if (!places.has(key)) places.set(key, makePlace(item, model, removeAndStay, save));
    return places.get(key);
  }

  function show({ kept, truncation }) {
    hint.hidden = kept.length > 1;
    title.textContent = kept.length ? `Kept (${kept.length})` : "Kept";
    jump.hidden = kept.length === 0;
    jump.textContent = `${kept.length} kept ↓`;
    const keys = new Set(kept.map(writeItem));
    for (const key of places.keys()) if (!keys.has(key)) places.delete(key);
    const nodes = kept.map((item) => place(item).node);
    const isSame = nodes.length === list.children.length && nodes.every((node, i) => node === list.children[i]);
    if (!isSame) list.replaceChildren(...nodes); // doing so takes the focus
    const wanted = [...keys, truncation].join();
    if (wanted === drawn || !kept.length) return;
    drawn = wanted;
    wish(async (signal) => {
      const { data } = await drawItems(model, kept, truncation, signal);
      kept.forEach((item, i) => paint(place(item).canvas, model, data, i));
    });
  }

  const whole = element("section", { class: "kept", "aria-label": "Kept pictures" }, title, hint, list);
  return { element: whole, jump, show, stop: wish.stop };
}

function makePlace(item, model, remove, save) {
  const canvas = pictureCanvas(model);
  const words = itemWords(item, model);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `Picture of ${words}`);
  const node = element(
    "li",
    {},
    canvas,
    element("span", { class: "hint" }, words),
    button("PNG", { "aria-label": `Save the picture of ${words} as PNG`, onclick: () => save(item, canvas) }),
    button("✕", { "aria-label": `Remove the picture of ${words}`, onclick: () => remove(item, node) }),
  );
  return { node, canvas, item };
}
