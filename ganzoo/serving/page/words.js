// What the page says of models, pictures and seeds.

const NUMBERS = new Intl.NumberFormat("en");
const CHANNELS = { 1: "grey", 3: "colour" }; // how many → in words

export const plural = (count, one) => `${NUMBERS.format(count)} ${one}${count === 1 ? "" : "s"}`;

/** "28 × 28, grey" or "points in 2 dimensions". */
export function whatItDraws({ kind, shape }) {
  if (kind === "points") return `points in ${plural(shape[0], "dimension")}`;
  const [channels, height, width] = shape;
  return `${width} × ${height}, ${CHANNELS[channels] ?? plural(channels, "channel")}`;
}

/** "mnist, 7,663 steps": what it was trained on, and for how long. */
export function whatItLearnt({ dataset, training }) {
  return `${dataset.name}, ${plural(training.step, "step")}`;
}

/** "seed 12" or "seeds 12 to 27". */
export function seedWords({ seed, count }) {
  return count === 1 ? `seed ${seed}` : `seeds ${seed} to ${seed + BigInt(count) - 1n}`;
}

/** "seed 12, class trouser". */
export function itemWords({ seed, label, codes }, model) {
  const words = [`seed ${seed}`];
  if (label !== null) words.push(`class ${model.labels[label]}`);
  if (codes.size) words.push("codes set");
  return words.join(", ");
}

/** One line on all that is shown. */
export function sceneWords(state, model) {
  const words = [seedWords(state)];
  if (state.label !== null) words.push(`class ${model.labels[state.label]}`);
  if (state.truncation !== 1) words.push(`truncation ${state.truncation.toFixed(2)}`);
  if (state.codes.size) words.push(plural(state.codes.size, "code") + " set");
  return words.join(" · ");
}

/** What there is to know of a model, as [what, words]. */
export function facts(model) {
  const { dataset, training, latents } = model;
  const codes = [...latents.categories.map((values) => `a category of ${values}`)];
  if (latents.continuous) codes.push(plural(latents.continuous, "continuous code"));
  return [
    ["Draws", whatItDraws(model)],
    ["Recipe", model.recipe],
    ["Data", `${dataset.name}, ${plural(dataset.samples, "sample")}`],
    ["Source of the data", dataset.source],
    ["Licence of the data", dataset.licence],
    ["Training", `${plural(training.step, "step")}, seed ${training.seed}, ${training.weights} weights`],
    ["Latents", `${plural(latents.size, "number")}, ${latents.prior}${codes.length ? `: ${codes.join(", ")}` : ""}`],
    ["Exported", model.created.slice(0, 10)],
    ...Object.entries(model.files).map(([file, digest]) => [`SHA-256 of ${file}`, digest]),
  ].filter(([, words]) => words);
}
