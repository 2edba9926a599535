// What the page asks of its engine: items { seed, label, codes }, in requests that are not too large for it.

import * as engine from "./engine.js";
import { setCodes } from "./knobs.js";

/** { count, data } of all items, in order. */
export async function drawItems(model, items, truncation, signal) {
  const labels = model.labels && items.map(({ label }) => label);
  if (items.some(({ codes }) => codes.size)) {
    return drawLatents(model, await latentsOf(model, items), labels, truncation, signal);
  }
  return inParts(model, items.length, (from, to) => ({
    seeds: items.slice(from, to).map(({ seed }) => seed),
    labels: labels?.slice(from, to),
    truncation,
    signal,
  }));
}

/** { count, data } for latents, an array of Float32Arrays. */
export async function drawLatents(model, latents, labels, truncation, signal) {
  return inParts(model, latents.length, (from, to) => ({
    latents: joined(latents.slice(from, to)),
    labels: labels?.slice(from, to),
    truncation,
    signal,
  }));
}

/** Each item's latent, a Float32Array, with its codes set. */
export async function latentsOf(model, items) {
  const size = model.latents.size;
  const parts = [];
  for (let from = 0; from < items.length; from += model.most_samples) {
    parts.push(
      await engine.latents(
        model,
        items.slice(from, from + model.most_samples).map(({ seed }) => seed),
      ),
    );
  }
  const numbers = joined(parts);
  return items.map(({ codes }, i) => {
    const latent = numbers.slice(i * size, (i + 1) * size);
    setCodes(latent, codes, model);
    return latent;
  });
}

// One after the other: a page that asks for much is not to crowd out the others.
async function inParts(model, count, request) {
  const parts = [];
  for (let from = 0; from < count; from += model.most_samples) {
    parts.push((await engine.samples(model, request(from, Math.min(from + model.most_samples, count)))).data);
  }
  return { count, data: joined(parts) };
}

function joined(arrays) {
  if (arrays.length === 1) return arrays[0];
  const all = new arrays[0].constructor(arrays.reduce((total, array) => total + array.length, 0));
  arrays.reduce((at, array) => (all.set(array, at), at + array.length), 0);
  return all;
}
