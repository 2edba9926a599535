// Points as a scatter plot: their first two numbers, to one scale on both axes.

import { element } from "./dom.js";
import { drawItems } from "./samples.js";
import { labelInTurn } from "./state.js";
import { plural } from "./words.js";

export const MARGIN = { left: 52, top: 12, right: 12, bottom: 44 }; // pixels around the square of the plane
const ROOM = 0.05; // of the points' extent, on each side
const TICKS = 5; // about so many on an axis
const RADIUS = 2.2; // pixels of a dot
const SAVED_SIDE = 640; // pixels, doubled for sharp screens
const ON_PAPER = { ink: "#1d1b18", quiet: "#6a655d", line: "#e4e0d8", accent: "#c4410c", paper: "#ffffff" };

const references = new Map(); // model's name → promise of the points that its view holds at least

/** Gives { element, show, mark } as a grid of pictures does. */
export function pointPlot(model) {
  const canvas = element("canvas", { class: "plot", role: "img" });
  const frame = element("div", { class: "plot-frame" }, canvas);
  let shown = null;

  function redraw() {
    if (!shown || !frame.clientWidth) return;
    plot(canvas, shown, frame.clientWidth, window.devicePixelRatio, themeColours(frame));
  }
  new ResizeObserver(redraw).observe(frame);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  return {
    element: frame,
    async show(_items, { count, data }) {
      const points = planar(data, model.shape[0]);
      shown = { points, view: viewOf([...points, ...(await reference(model))]), dimensions: model.shape[0] };
      canvas.setAttribute(
        "aria-label",
        `Scatter plot of ${plural(count, "point")}: ${extents(points, model.shape[0])}`,
      );
      redraw();
    },
    mark() {},
  };
}

/** The plot as a picture to save, dark on white wherever it is shown. */
export async function scatterPicture(model, { data }) {
  const canvas = document.createElement("canvas");
  const points = planar(data, model.shape[0]);
  const view = viewOf([...points, ...(await reference(model))]);
  plot(canvas, { points, view, dimensions: model.shape[0] }, SAVED_SIDE, 2, ON_PAPER);
  return canvas;
}

// A view that followed the points alone would hide what truncation does to them.
function reference(model) {
  if (!references.has(model.name)) {
    const items = Array.from({ length: Math.min(256, model.most_samples) }, (_, i) => {
      const seed = BigInt(i);
      return { seed, label: labelInTurn(seed, model), codes: new Map() };
    });
    references.set(
      model.name,
      drawItems(model, items, 1).then(({ data }) => planar(data, model.shape[0])),
    );
  }
  return references.get(model.name);
}

/** [x, y] of each point; those on a line get y = 0. */
function planar(data, dimensions) {
  return Array.from({ length: data.length / dimensions }, (_, i) => [
    data[i * dimensions],
    dimensions > 1 ? data[i * dimensions + 1] : 0,
  ]);
}

/** The square { left, bottom, side } that holds all points, with room around them; of side 1 for a single one. */
export function viewOf(points) {
  const range = (axis) =>
    points.reduce(
      ([low, high], point) => [Math.min(low, point[axis]), Math.max(high, point[axis])],
      [Infinity, -Infinity],
    );
  const [[left, right], [bottom, top]] = [range(0), range(1)];
  const side = Math.max(right - left, top - bottom) * (1 + 2 * ROOM) || 1;
  return { left: (left + right - side) / 2, bottom: (bottom + top - side) / 2, side };
}

function plot(canvas, { points, view, dimensions }, side, ratio, colours) {
  const plane = side - MARGIN.left - MARGIN.right;
  const height = MARGIN.top + plane + MARGIN.bottom;
  Object.assign(canvas, { width: Math.round(side * ratio), height: Math.round(height * ratio) });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.fillStyle = colours.paper;
  context.fillRect(0, 0, side, height);
  const right = (x) => MARGIN.left + ((x - view.left) / view.side) * plane;
  const down = (y) => MARGIN.top + plane - ((y - view.bottom) / view.side) * plane;
  drawAxes(context, view, { right, down, plane }, colours);
  drawNames(context, plane, dimensions, colours);
  context.fillStyle = colours.accent;
  context.globalAlpha = 0.6; // so that density shows
  for (const [x, y] of points) {
    context.beginPath();
    context.arc(right(x), down(y), RADIUS, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
}

function drawAxes(context, { left, bottom, side }, { right, down, plane }, colours) {
  context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  context.lineWidth = 1;
  const step = roundStep(side / TICKS);
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  const ticks = (from) =>
    Array.from({ length: TICKS * 3 }, (_, i) => (Math.ceil(from / step) + i) * step).filter((at) => at <= from + side);
  const words = (at) =>
    (at + 0)
      .toFixed(digits)
      .replace(/^-(0(\.0+)?)$/, "$1")
      .replace("-", "−");
  context.strokeStyle = colours.line;
  context.fillStyle = colours.quiet;
  context.textAlign = "center";
  for (const at of ticks(left)) {
    strokeLine(context, right(at), MARGIN.top, right(at), MARGIN.top + plane);
    context.fillText(words(at), right(at), MARGIN.top + plane + 17);
  }
  context.textAlign = "right";
  for (const at of ticks(bottom)) {
    strokeLine(context, MARGIN.left, down(at), MARGIN.left + plane, down(at));
    context.fillText(words(at), MARGIN.left - 8, down(at) + 4);
  }
}

function drawNames(context, plane, dimensions, colours) {
  context.fillStyle = colours.ink;
  context.textAlign = "center";
  context.fillText(
    dimensions > 2 ? `first of ${dimensions} numbers` : "first number",
    MARGIN.left + plane / 2,
    MARGIN.top + plane + 36,
  );
  if (dimensions === 1) return;
  context.save();
  context.translate(14, MARGIN.top + plane / 2);
  context.rotate(-Math.PI / 2);
  context.fillText("second number", 0, 0);
  context.restore();
}

function strokeLine(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

/** The least of 1, 2, 5, 10, 20, … and 0.5, 0.2, 0.1, … that is not below `step`. */
export function roundStep(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  return [1, 2, 5, 10].map((factor) => factor * power).find((round) => round >= step * (1 - 1e-9));
}

function extents(points, dimensions) {
  const names = ["first", "second"].slice(0, Math.min(dimensions, 2));
  const range = (axis) =>
    [Math.min, Math.max].map((most) => most(...points.map((point) => point[axis])).toFixed(2)).join(" to ");
  return names.map((name, axis) => `${name} number from ${range(axis)}`).join(", ");
}

function themeColours(node) {
  const style = getComputedStyle(node);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: colour("ink"),
    quiet: colour("quiet"),
    line: colour("line"),
    accent: colour("accent"),
    paper: colour("raised"),
  };
}
