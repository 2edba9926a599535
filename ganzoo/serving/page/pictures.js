// The grid of pictures: each is a button that keeps it; arrow keys go from one to the next.

import { button, element } from "./dom.js";
import { paint, pictureCanvas } from "./pixels.js";
import { writeItem } from "./state.js";
import { itemWords } from "./words.js";

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Gives { element, show, mark }; `toggle(item)` is called where a picture is clicked. */
export function pictureGrid(model, toggle) {
  const grid = element("div", { class: "grid", role: "group", "aria-label": "Pictures" });
  let tiles = [];
  let columns = 1;

  function makeTiles(count) {
    columns = Math.ceil(Math.sqrt(count));
    grid.style.setProperty("--columns", columns);
    tiles = Array.from({ length: count }, () => tile(model, toggle));
    grid.replaceChildren(...tiles.map(({ node }) => node));
    tiles[0].node.tabIndex = 0;
  }

  grid.addEventListener("keydown", (event) => {
    const from = tiles.findIndex(({ node }) => node === event.target);
    const to = from < 0 ? null : neighbour(from, event.key, columns, tiles.length);
    if (to === null || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    tiles[to].node.focus();
  });
  // Tab goes to the picture that was left last.
  grid.addEventListener("focusin", ({ target }) =>
    tiles.forEach(({ node }) => (node.tabIndex = node === target ? 0 : -1)),
  );

  return {
    element: grid,
    show(items, { data }) {
      if (tiles.length !== items.length) makeTiles(items.length);
      items.forEach((item, i) => tiles[i].show(item, data, i));
    },
    mark(kept) {
      const keys = new Set(kept.map(writeItem));
      tiles.forEach((each) => each.mark(keys));
    },
  };
}

function tile(model, toggle) {
  const canvas = pictureCanvas(model);
  const caption = element("span", { class: "seed", "aria-hidden": "true" });
  let shown = null;
  const node = button([canvas, caption], { class: "tile", tabindex: "-1", onclick: () => shown && toggle(shown) });
  return {
    node,
    show(item, data, index) {
      shown = item;
      caption.textContent = String(item.seed);
      paint(canvas, model, data, index);
    },
    mark(keys) {
      if (!shown) return;
      const kept = keys.has(writeItem(shown));
      node.classList.toggle("kept", kept);
      node.setAttribute("aria-label", `Picture of ${itemWords(shown, model)}${kept ? ", kept" : ""}`);
    },
  };
}

function neighbour(from, key, columns, count) {
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  if (!STEPS[key]) return null;
  const [right, down] = STEPS[key];
  const to = from + right + down * columns;
  return to >= 0 && to < count ? to : from;
}
