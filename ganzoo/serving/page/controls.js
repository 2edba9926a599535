// What all pictures share: where their seeds begin, how many they are, their class, their truncation.

import { button, choiceRow, element } from "./dom.js";
import { MOST_POINTS, seedOf } from "./state.js";

const COUNTS = { pictures: [1, 4, 16, 36, 64], points: [250, 1000, 4000] };
const FRESH = 1_000_000; // new seeds begin below this: links stay short
const MOST_BUTTONS = 40; // classes; of more, one is chosen from a list

/** A start for new seeds that is not the present one. */
export function freshSeed(state) {
  const seed = BigInt(Math.floor(Math.random() * FRESH));
  return seed === state.seed ? seed + BigInt(state.count) : seed;
}

/** Button, field and count. All makers here give { element, show(state) }; `change` is told of what the user wants. */
export function seedControls(model, change) {
  const what = model.kind === "points" ? "points" : "pictures";
  const fresh = button([`New ${what}`, element("kbd", { "aria-hidden": "true" }, "N")], {
    class: "primary",
    "aria-keyshortcuts": "n",
    onclick: () => change((state) => ({ seed: freshSeed(state) }), "push"),
  });
  const field = element("input", {
    id: "seed",
    inputmode: "numeric",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "seed-problem",
  });
  const problem = element("p", { id: "seed-problem", class: "hint wrong", role: "alert" });
  field.addEventListener("change", () => {
    const seed = seedOf(field.value);
    field.setAttribute("aria-invalid", seed === null);
    problem.textContent = seed === null ? "A seed is a whole number from -2⁶³ to 2⁶³ - 1." : "";
    if (seed !== null) change(() => ({ seed }), "push");
  });
  const most = model.kind === "points" ? MOST_POINTS : model.most_samples;
  const counts = COUNTS[what].filter((count) => count <= most).map((count) => [count, count.toLocaleString("en")]);
  const many = choiceRow(`How many ${what}`, counts, (count) => change(() => ({ count }), "push"));
  many.row.classList.add("counts");
  return {
    element: section("", fresh, labelled("First seed", field), problem, titled(`How many`, many.row)),
    show(state) {
      if (document.activeElement !== field || seedOf(field.value) !== null) field.value = state.seed;
      many.mark(state.count);
    },
  };
}

export function truncationControl(model, change) {
  const field = slider("truncation", 0, model.largest_truncation, 0.01);
  const output = element("output", { for: "truncation" });
  field.addEventListener("input", () => change(() => ({ truncation: Number(field.value) }), "replace"));
  const hint = "Less of it: nearer to the average, with less variety and fewer failures.";
  return {
    element: section("", labelled("Truncation", field, output), element("p", { class: "hint" }, hint)),
    show({ truncation }) {
      field.value = truncation;
      output.textContent = truncation.toFixed(2);
      field.setAttribute("aria-valuetext", `${truncation.toFixed(2)} of ${model.largest_truncation}`);
    },
  };
}

export function classControl(model, change) {
  const choose = (label) => change(() => ({ label }), "push");
  const choices = [[null, "All, in turns"], ...model.labels.map((name, label) => [label, name])];
  if (choices.length <= MOST_BUTTONS) {
    const { row, mark } = choiceRow("Class", choices, choose);
    return { element: section("Class", row), show: ({ label }) => mark(label) };
  }
  const options = choices.map(([label, name]) => element("option", { value: label ?? "" }, name));
  const list = element("select", { id: "class" }, ...options);
  list.addEventListener("change", () => choose(list.value === "" ? null : Number(list.value)));
  return { element: section("", labelled("Class", list)), show: ({ label }) => (list.value = label ?? "") };
}

export function section(title, ...children) {
  return element("section", { class: "control" }, title ? element("h2", {}, title) : null, ...children);
}

export function slider(id, least, most, step) {
  return element("input", { type: "range", id, min: least, max: most, step });
}

/** A label above its field, and beside it what the field says, if given. */
export function labelled(words, field, ...beside) {
  const line = element("div", { class: "line" }, element("label", { for: field.id }, words), ...beside);
  return element("div", { class: "field" }, line, field);
}

function titled(words, row) {
  return element("div", { class: "field" }, element("div", { class: "line", "aria-hidden": "true" }, words), row);
}
