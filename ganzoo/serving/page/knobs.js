// The numbers of a latent that a person may set: structured codes, or all of a latent that has few.

export const FEW = 16; // numbers in a latent; of more, one alone hardly shows
const FARTHEST = { normal: 3, uniform: 1, structured: 1 }; // either way from 0: holds 99.7 % of a normal's values
const ANY_OTHER = 3;

/** Knobs in the order of a latent's columns: a choice has `values` columns, one-hot; a slider has one. */
export function knobsOf({ latents }) {
  const codes = latents.categories.map((values, i) => choice(values, sum(latents.categories.slice(0, i)), i));
  const first = sum(latents.categories);
  const structured = latents.categories.length + latents.continuous > 0;
  const sliders = structured ? latents.continuous : latents.size <= FEW ? latents.size : 0;
  const farthest = FARTHEST[structured ? "structured" : latents.prior] ?? ANY_OTHER;
  for (let i = 0; i < sliders; i++)
    codes.push(slider(first + i, farthest, structured ? `Code ${i + 1}` : `Number ${i + 1}`));
  return codes;
}

function choice(values, column, number) {
  const allows = (value) => Number.isInteger(value) && value >= 0 && value < values;
  return { kind: "choice", name: number ? `Category ${number + 1}` : "Category", column, values, allows };
}

function slider(column, farthest, name) {
  const allows = (value) => Math.abs(value) <= farthest;
  return { kind: "slider", name, column, values: 1, farthest, allows };
}

/** Writes the codes, knob's number → value, into one latent, a Float32Array of Z. */
export function setCodes(latent, codes, model) {
  const knobs = knobsOf(model);
  for (const [at, value] of codes) {
    const { kind, column, values } = knobs[at];
    if (kind === "slider") latent[column] = value;
    else latent.fill(0, column, column + values)[column + value] = 1;
  }
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
