// The engine that asks a server of ganzoo. BigInt = int64 seeds; N = samples, Z = latent size.

import { readNpy } from "./npy.js";
import { askForToken, authorization } from "./token.js";

export const where = "server";

const MOST_TRIES = 4; // of a request that finds the server busy
const LONGEST_WAIT = 3; // seconds between two of them

const previews = new Map(); // model's name → promise of a URL; a picture is fetched once

/** All models that are served. */
export async function models() {
  return (await (await ask("v1/models")).json()).models;
}

/** The URL of the preview's picture, or null. By script, since an <img> cannot send a token. */
export async function preview(model) {
  if (!model.preview) return null;
  if (!previews.has(model.name)) previews.set(model.name, fetchPreview(model));
  return previews.get(model.name);
}

async function fetchPreview(model) {
  return URL.createObjectURL(await (await ask(`${address(model)}/preview`)).blob());
}

/** Float32Array of N·Z for N seeds. */
export async function latents(model, seeds) {
  const answer = await ask(`${address(model)}/latents`, `{"format": "npy", "seeds": [${seeds.join(", ")}]}`);
  return readNpy(await answer.arrayBuffer()).data;
}

/**
 * { count, data } for N seeds, or for latents Float32Array of N·Z; labels are N class numbers.
 * Throws an Error whose message is for the user.
 */
export async function samples(model, { seeds, latents, labels, truncation = 1, signal }) {
  const fields = ['"format": "npy"', `"truncation": ${truncation}`];
  // Written by hand: JSON.stringify knows no BigInt, and a Number would round a large seed.
  if (latents) fields.push(`"latents": ${JSON.stringify(rows(latents, model.latents.size))}`);
  else fields.push(`"seeds": [${seeds.join(", ")}]`);
  if (labels) fields.push(`"labels": [${labels.join(", ")}]`);
  const answer = await ask(`${address(model)}/samples`, `{${fields.join(", ")}}`, signal);
  const { data, shape } = readNpy(await answer.arrayBuffer());
  return { count: shape[0], data };
}

const address = (model) => `v1/models/${encodeURIComponent(model.name)}`;

function rows(numbers, width) {
  const count = numbers.length / width;
  return Array.from({ length: count }, (_, row) => Array.from(numbers.subarray(row * width, (row + 1) * width)));
}

// GET, or POST where there is a body; asks for a token where one is wanted, and again where the server is busy.
async function ask(path, body = null, signal = undefined) {
  for (let tries = 1; ; tries++) {
    const answer = await send(path, body, signal);
    if (answer.ok) return answer;
    if (answer.status === 401) {
      await askForToken();
      tries = 0;
    } else if (answer.status !== 429 || tries === MOST_TRIES) {
      throw new Error(await sentence(answer));
    } else {
      const seconds = Math.min(Number(answer.headers.get("Retry-After")) || 1, LONGEST_WAIT);
      await new Promise((done) => setTimeout(done, 1000 * seconds));
    }
    signal?.throwIfAborted();
  }
}

async function send(path, body, signal) {
  const headers = authorization();
  if (body !== null) headers["Content-Type"] = "application/json";
  try {
    return await fetch(path, { method: body === null ? "GET" : "POST", headers, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer; is `ganzoo serve` still running?");
  }
}

async function sentence(answer) {
  const said = await answer.json().catch(() => ({}));
  return said.detail || `The server answered ${answer.status} ${answer.statusText}; reload the page.`;
}
