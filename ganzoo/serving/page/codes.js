// The codes that all pictures share, while the rest of each stays as its seed made it.

import { choiceRow, button, element } from "./dom.js";
import { knobsOf } from "./knobs.js";
import { labelled, section, slider } from "./controls.js";
import { latentsOf } from "./samples.js";

const OWN = "own"; // each picture keeps what its seed made

/** Gives { element, show(state) }, or null for a model that has no code to set. */
export function codeControls(model, change) {
  const knobs = knobsOf(model);
  if (!knobs.length) return null;
  const set = (at, value, how) =>
    change(
      ({ codes }) => ({
        codes: new Map([...codes].filter(([other]) => other !== at).concat(value === OWN ? [] : [[at, value]])),
      }),
      how,
    );
  const controls = knobs.map((knob, at) => (knob.kind === "choice" ? choiceControl : sliderControl)(knob, at, set));
  const free = button("Set all free", { class: "quiet", onclick: () => change(() => ({ codes: new Map() }), "push") });
  const structured = model.latents.categories.length + model.latents.continuous > 0;
  const hint = `What you set is shared by all ${model.kind}; the rest of each stays as its seed made it.`;
  let first = null; // seed whose latent free sliders rest at
  return {
    element: section(
      structured ? "Codes" : "Latent",
      element("p", { class: "hint" }, hint),
      ...controls.map((each) => each.element),
      free,
    ),
    async show({ seed, codes }) {
      controls.forEach((each, at) => each.show(codes.get(at) ?? OWN));
      free.hidden = codes.size === 0;
      if (seed === first) return;
      first = seed;
      const [latent] = await latentsOf(model, [{ seed, codes: new Map() }]).catch(() => [null]); // whoever draws says why
      if (latent && seed === first) controls.forEach((each, at) => each.rest?.(latent[knobs[at].column]));
    },
  };
}

function choiceControl({ name, values }, at, set) {
  const choices = [
    [OWN, "Free: each its own"],
    ...Array.from({ length: values }, (_, value) => [value, String(value)]),
  ];
  const { row, mark } = choiceRow(name, choices, (value) => set(at, value, "push"));
  const title = element("div", { class: "line", "aria-hidden": "true" }, name);
  return { element: element("div", { class: "field" }, title, row), show: mark };
}

function sliderControl({ name, farthest }, at, set) {
  const field = slider(`code-${at}`, -farthest, farthest, farthest / 50);
  const output = element("output", { for: field.id });
  const free = button("Free", { class: "free", "aria-label": `Set ${name} free`, onclick: () => set(at, OWN, "push") });
  let own = 0;
  field.addEventListener("input", () => set(at, Number(field.value), "replace"));
  const whole = labelled(name, field, output, free);
  function show(value) {
    const isFree = value === OWN;
    field.value = isFree ? own : value;
    output.textContent = isFree ? "each its own" : value.toFixed(2);
    field.setAttribute("aria-valuetext", output.textContent);
    whole.classList.toggle("resting", isFree);
    free.hidden = isFree;
  }
  function rest(value) {
    own = value;
    if (whole.classList.contains("resting")) show(OWN);
  }
  return { element: whole, show, rest };
}
