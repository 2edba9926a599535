// The engine that draws in the visitor's browser, with onnxruntime-web; in a static site it is the page's engine.js.
// Nothing is run or drawn from unless its bytes are those that were exported: browsers check the hash of each fetch.

export const where = "browser";

const ROOT = new URL("..", import.meta.url);
const sessions = new Map(); // of a model's name: its two graphs, opened
let site, runtime;
let last = Promise.resolve(); // of what waits to be drawn

export async function models() {
  return (await description()).models;
}

export async function preview(model) {
  return model.preview ? new URL(`models/${model.name}/preview.png`, ROOT).href : null;
}

// `seeds` are BigInt; the result has model.latents.size numbers for each.
export async function latents(model, seeds) {
  const { seeder } = await opened(model);
  return run(seeder, "latents", { seed: ["int64", BigInt64Array.from(seeds), [seeds.length]] });
}

// Pictures as bytes [N, H, W, C], points as floats [N, D], of `seeds` or of `latents`.
export async function samples(model, { seeds, latents: given, labels, truncation = 1, signal } = {}) {
  const { generator } = await opened(model);
  signal?.throwIfAborted();
  const vectors = given ?? (await latents(model, seeds));
  const count = vectors.length / model.latents.size;
  const inputs = { latents: ["float32", checkedLatents(model, vectors, truncation), [count, model.latents.size]] };
  if (model.labels) inputs.label = ["int64", checkedLabels(model, count, labels ?? turns(model, seeds)), [count]];
  if (model.truncation === "input") inputs.truncation = ["float32", [truncation], []];
  const data = await inTurn(() => {
    signal?.throwIfAborted();
    return run(generator, model.kind === "pictures" ? "images" : "samples", inputs);
  });
  signal?.throwIfAborted();
  if (model.kind === "points" && !data.every(Number.isFinite)) {
    throw new Error("Some samples are NaN or infinite: these latents, or this truncation, are too large.");
  }
  return { count, data };
}

// What is asked for

function checkedLatents(model, vectors, truncation) {
  if (!Number.isInteger(vectors.length / model.latents.size) || !vectors.length || !vectors.every(Number.isFinite)) {
    throw new Error(`Latents are ${model.latents.size} finite numbers for each sample.`);
  }
  if (!Number.isFinite(truncation)) throw new Error("Truncation is a number, mostly in 0…1, and 1 for none.");
  if (model.truncation === "none" && truncation !== 1) throw new Error(`${model.name} has no truncation.`);
  // Multiplied in double precision and rounded once, as everywhere; a copy, since it moves to the worker.
  return model.truncation === "scale" ? vectors.map((value) => value * truncation) : vectors.slice();
}

function checkedLabels(model, count, labels) {
  const known = (label) => Number.isInteger(label) && label >= 0 && label < model.labels.length;
  if (labels?.length !== count || !labels.every(known)) {
    throw new Error(`${model.name} draws by label; give ${count} whole numbers in 0…${model.labels.length - 1}.`);
  }
  return BigInt64Array.from(labels, BigInt);
}

function turns(model, seeds) {
  const classes = BigInt(model.labels.length);
  return seeds?.map((seed) => Number(((seed % classes) + classes) % classes)); // the remainder of -1 is made positive
}

// onnxruntime

async function run(session, output, inputs) {
  const ort = await loaded();
  const feeds = Object.entries(inputs).map(([name, [type, data, shape]]) => [name, new ort.Tensor(type, data, shape)]);
  return (await session.run(Object.fromEntries(feeds), [output]))[output].data;
}

// One after the other, so that what is no longer wanted when its turn comes is not drawn at all.
function inTurn(work) {
  const turn = last.then(work);
  last = turn.catch(() => {});
  return turn;
}

function opened(model) {
  return once(sessions.get(model.name), () => open(model), (promise) => sessions.set(model.name, promise));
}

async function open(model) {
  const ort = await loaded();
  const fetched = ["latents.onnx", "generator.onnx"].map((file) =>
    bytes(`models/${model.name}/${file}`, `sha256-${base64(model.files[file])}`),
  );
  const options = { executionProviders: ["wasm"], logSeverityLevel: 3 };
  const create = (graph) => ort.InferenceSession.create(new Uint8Array(graph), options);
  const [seeder, generator] = await Promise.all((await Promise.all(fetched)).map(create));
  return { seeder, generator };
}

function loaded() {
  return once(runtime, load, (promise) => (runtime = promise));
}

async function load() {
  const { script, wasm } = (await description()).runtime;
  const [code, binary] = await Promise.all([script, wasm].map(({ url, integrity }) => bytes(url, integrity)));
  // What was checked is what runs: an import by its address would fetch anew, without the hash.
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const ort = await import(address);
  ort.env.logLevel = "error";
  ort.env.wasm.wasmBinary = binary;
  ort.env.wasm.numThreads = 1; // more need headers that a plain host of files does not send
  ort.env.wasm.proxy = true; // a worker draws, and the page stays responsive
  return ort;
}

// Files

function description() {
  return once(site, describe, (promise) => (site = promise));
}

async function describe() {
  const text = new TextDecoder().decode(await bytes("models.json"));
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`${new URL("models.json", ROOT)} is damaged. Publish the site anew.`);
  }
}

async function bytes(path, integrity = "") {
  const url = new URL(path, ROOT);
  // The cache may hold what an earlier site had in its place; the list of models has no hash to tell.
  for (const cache of integrity ? ["default", "reload"] : ["no-cache"]) {
    const answer = await fetch(url, { integrity, cache }).catch(() => null);
    if (answer?.ok) return answer.arrayBuffer();
  }
  throw new Error(await reason(url));
}

// Browsers do not say why a fetch failed.
async function reason(url) {
  const answer = await fetch(url, { method: "HEAD" }).catch(() => null);
  if (!answer) return `${url} cannot be reached; check the network.`;
  if (!answer.ok) return `${url} cannot be had: the host says ${answer.status}.`;
  return `${url} is not the file that was published: its hash differs. Publish the site anew.`;
}

function base64(hexadecimal) {
  return btoa(String.fromCharCode(...hexadecimal.match(/../g).map((byte) => parseInt(byte, 16))));
}

// A promise that is kept, unless it fails: then the next call tries again.
function once(promise, make, keep) {
  if (promise) return promise;
  const made = make();
  keep(made);
  made.catch(() => keep(undefined));
  return made;
}
