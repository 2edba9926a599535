// All models, each as a card with its preview.

import { preview, where } from "./engine.js";
import { element } from "./dom.js";
import { plural, whatItDraws, whatItLearnt } from "./words.js";

const PLACES = { server: "on this server", browser: "in your browser, with no server" };

export function showCards(root, models) {
  root.replaceChildren(
    element(
      "div",
      { class: "welcome" },
      element("h1", {}, "Every seed is a picture."),
      element("p", { class: "lead" }, `${plural(models.length, "model")}, drawing ${PLACES[where]}. Choose one.`),
    ),
    element("ul", { class: "cards" }, ...models.map(card)),
  );
}

function card(model) {
  const frame = element("div", { class: `preview ${model.kind}` });
  showPreview(model, frame);
  return element(
    "li",
    {},
    element(
      "a",
      { class: "card", href: `#model=${encodeURIComponent(model.name)}` },
      frame,
      element("h2", {}, model.name),
      element("p", {}, `${whatItDraws(model)}${model.labels ? `, ${model.labels.length} classes` : ""}`),
      element("p", {}, whatItLearnt(model)),
    ),
  );
}

// A card without its picture is still a card: what the preview lacks is no error.
async function showPreview(model, frame) {
  const source = await preview(model).catch(() => null);
  if (source) frame.append(element("img", { src: source, alt: "" }));
  else frame.append(element("span", { class: "missing" }, "No preview"));
}
