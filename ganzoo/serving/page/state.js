// What is shown, as a plain object, and as the address that holds it, so that a link shows the same pictures.
//
// #model=acgan&seed=12&count=16&truncation=0.7&label=3&codes=0:2_1:0.5&kept=5.3,-7.1&frame=12
// A kept picture is its seed, then `.` and its label, then `_` and each code that was set for it.

import { knobsOf } from "./knobs.js";
import { FRAMES_BETWEEN } from "./walk.js";

const LEAST_SEED = -(2n ** 63n); // seeds are int64
const LARGEST_SEED = 2n ** 63n - 1n;
export const MOST_POINTS = 10000;
const DEFAULT_COUNT = { pictures: 16, points: 1000 };

/** A seed of text, as BigInt; null for what is no int64. */
export function seedOf(text) {
  if (!/^\s*-?\d{1,19}\s*$/.test(text ?? "")) return null;
  const seed = BigInt(text.trim());
  return seed >= LEAST_SEED && seed <= LARGEST_SEED ? seed : null;
}

/** The state in an address; what is missing or makes no sense there is null or empty. */
export function readState(hash) {
  const given = Object.fromEntries(hash.replace(/^#/, "").split("&").map(pair));
  return {
    model: given.model ?? "",
    seed: seedOf(given.seed) ?? 0n,
    count: whole(given.count),
    truncation: given.truncation ? Number(given.truncation) : 1,
    label: whole(given.label),
    codes: codesOf((given.codes ?? "").split("_")),
    kept: (given.kept ?? "")
      .split(",")
      .map(keptOf)
      .filter((item) => item !== null),
    frame: whole(given.frame) ?? 0,
  };
}

/** The address of a state; defaults are left out, so that links stay short. */
export function writeState(state, model) {
  if (!state.model) return "#";
  const parts = [`model=${encodeURIComponent(state.model)}`, `seed=${state.seed}`];
  if (state.count !== DEFAULT_COUNT[model.kind]) parts.push(`count=${state.count}`);
  if (state.truncation !== 1) parts.push(`truncation=${state.truncation}`);
  if (state.label !== null) parts.push(`label=${state.label}`);
  if (state.codes.size) parts.push(`codes=${written(state.codes)}`);
  if (state.kept.length) parts.push(`kept=${state.kept.map(writeItem).join(",")}`);
  if (state.frame) parts.push(`frame=${state.frame}`);
  return `#${parts.join("&")}`;
}

/** A picture's identity within its model: two items with the same text are the same picture. */
export function writeItem({ seed, label, codes }) {
  return `${seed}${label === null ? "" : `.${label}`}${codes.size ? `_${written(codes)}` : ""}`;
}

/** The state with what the model cannot do put right. */
export function fitted(state, model) {
  const most = model.kind === "points" ? MOST_POINTS : model.most_samples;
  const count = Math.min(Math.max(state.count ?? Math.min(DEFAULT_COUNT[model.kind], most), 1), most);
  const lastStart = LARGEST_SEED - BigInt(count) + 1n;
  const hasLabel = (label) => label !== null && label < (model.labels?.length ?? 0);
  const canBeKept = ({ label }) => model.kind === "pictures" && (model.labels ? hasLabel(label) : label === null);
  const fittingItems = state.kept.filter(canBeKept).map((item) => ({ ...item, codes: fittedCodes(item.codes, model) }));
  const kept = [...new Map(fittingItems.map((item) => [writeItem(item), item])).values()]; // each picture once
  return {
    ...state,
    count,
    seed: state.seed > lastStart ? lastStart : state.seed,
    truncation: fittedTruncation(state.truncation, model),
    label: hasLabel(state.label) ? state.label : null,
    codes: fittedCodes(state.codes, model),
    kept,
    frame: Math.min(state.frame, FRAMES_BETWEEN * Math.max(kept.length - 1, 0)),
  };
}

/** The class that a model draws for a seed unless told otherwise: they take turns, before 0 as after it. */
export function labelInTurn(seed, model) {
  if (model.labels === null) return null;
  const classes = BigInt(model.labels.length);
  return Number(((seed % classes) + classes) % classes);
}

/** What the grid shows: one item { seed, label, codes } for each picture or point. */
export function itemsOf(state, model) {
  return Array.from({ length: state.count }, (_, i) => {
    const seed = state.seed + BigInt(i);
    return { seed, label: state.label ?? labelInTurn(seed, model), codes: state.codes };
  });
}

function fittedTruncation(truncation, model) {
  if (model.truncation === "none" || !Number.isFinite(truncation)) return 1;
  return Math.min(Math.max(truncation, 0), model.largest_truncation);
}

function fittedCodes(codes, model) {
  const knobs = knobsOf(model);
  return new Map([...codes].filter(([at, value]) => knobs[at] && knobs[at].allows(value)));
}

function pair(part) {
  const at = part.indexOf("=");
  try {
    return at < 0 ? [part, ""] : [part.slice(0, at), decodeURIComponent(part.slice(at + 1))];
  } catch {
    return [part.slice(0, at), ""]; // a stray % in a link that was typed
  }
}

const whole = (text) => (/^\d{1,9}$/.test(text ?? "") ? Number(text) : null);

const written = (codes) =>
  [...codes]
    .sort(([a], [b]) => a - b)
    .map(([at, value]) => `${at}:${value}`)
    .join("_");

function codesOf(parts) {
  const pairs = parts.map((part) => part.split(":").map((number) => (number === "" ? NaN : Number(number))));
  return new Map(pairs.filter(([at, value]) => Number.isInteger(at) && Number.isFinite(value)));
}

function keptOf(text) {
  const [first, ...codes] = text.split("_");
  const [seed, label] = first.split(".");
  return seedOf(seed) === null ? null : { seed: seedOf(seed), label: whole(label), codes: codesOf(codes) };
}
