// Files that the browser saves, all made here.

import { element } from "./dom.js";
import { writeGif } from "./gif.js";
import { writeNpy } from "./npy.js";
import { gridCanvas, toImageData } from "./pixels.js";
import { scatterPicture } from "./scatter.js";

const SMALLEST_FRAME = 128; // pixels on the smaller side of a GIF, whose pictures are enlarged by a whole factor

/** `ganzoo-acgan-seeds-12-27` and the like, without what file systems do not want. */
export function fileName(model, { seed, count }) {
  const seeds = count === 1 ? `seed-${seed}` : `seeds-${seed}-${seed + BigInt(count) - 1n}`;
  return `${model.name.replace(/[^\w.-]+/g, "-")}-${seeds}`;
}

/** All samples as one picture. */
export async function savePng(model, drawn, name) {
  await saveCanvas(model.kind === "points" ? await scatterPicture(model, drawn) : gridCanvas(model, drawn), name);
}

export async function saveCanvas(canvas, name) {
  save(await new Promise((done) => canvas.toBlob(done, "image/png")), `${name}.png`);
}

/** Pictures uint8 [N, H, W, C] or points float32 [N, D]. */
export function saveNpy(model, { count, data }, name) {
  const [channels, height, width] = model.shape;
  const shape = model.kind === "points" ? [count, model.shape[0]] : [count, height, width, channels];
  save(new Blob([writeNpy(data, shape)], { type: "application/octet-stream" }), `${name}.npy`);
}

/** Frames [data, index], there and back, so that the film has no jump. */
export function saveGif(model, frames, seconds, name) {
  const [, height, width] = model.shape;
  const factor = Math.max(1, Math.ceil(SMALLEST_FRAME / Math.min(height, width)));
  const there = frames.map(([data, index]) => enlarged(toImageData(model.shape, data, index), factor));
  const film = [...there, ...there.slice(1, -1).reverse()];
  save(writeGif(film, width * factor, height * factor, Math.round(100 * seconds)), `${name}.gif`);
}

// RGBA of a picture of which each pixel is factor × factor.
function enlarged({ data, width, height }, factor) {
  if (factor === 1) return data;
  const from = new Uint32Array(data.buffer);
  const to = new Uint32Array(width * factor * height * factor);
  for (let row = 0; row < height * factor; row++) {
    const start = Math.floor(row / factor) * width;
    for (let column = 0; column < width * factor; column++)
      to[row * width * factor + column] = from[start + Math.floor(column / factor)];
  }
  return new Uint8ClampedArray(to.buffer);
}

function save(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // browsers read it some time after the click
}
