// A walk from each kept picture to the next, and back again.

import { button, complain, element, say } from "./dom.js";
import { labelled, slider } from "./controls.js";
import { newestOnly } from "./latest.js";
import { paint, pictureCanvas } from "./pixels.js";
import { drawLatents, latentsOf } from "./samples.js";
import { writeItem } from "./state.js";
import { FRAMES_BETWEEN, segment } from "./walk.js";

export const FRAME_SECONDS = 0.08; // from one kept picture to the next, about two seconds

/** Gives { element, show(state), toggle, frames, stop }; `change` is told of the frame where the walk rests. */
export function walkPlayer(model, change, save) {
  const canvas = pictureCanvas(model);
  canvas.setAttribute("role", "img");
  const scrubber = slider("frame", 0, 0, 1);
  const where = element("output", { for: "frame" });
  const play = button("Play", { class: "strong", "aria-keyshortcuts": "p", onclick: toggle });
  const gif = button("GIF", { "aria-label": "Save the walk as GIF", onclick: () => save(gif) });
  const buttons = element("div", { class: "buttons" }, play, gif);
  const whole = element(
    "section",
    { class: "walk", "aria-label": "Walk" },
    element("h2", {}, "Walk"),
    canvas,
    labelled("Position", scrubber, where),
    buttons,
  );
  const film = filmOf(model);
  const wish = newestOnly(complain);
  let shown = { kept: [], frame: 0 }; // the state that was shown last
  let [frame, direction, timer] = [0, 1, null];

  async function paintFrame() {
    const wanted = frame;
    const first = Math.min(Math.floor(wanted / FRAMES_BETWEEN), shown.kept.length - 2);
    scrubber.value = wanted;
    where.textContent = placeWords(wanted);
    scrubber.setAttribute("aria-valuetext", where.textContent);
    canvas.setAttribute("aria-label", `The walk: ${where.textContent}`);
    const data = await film.segment(shown, first);
    if (wanted === frame && data) paint(canvas, model, data, wanted - first * FRAMES_BETWEEN);
  }

  async function step() {
    const last = (shown.kept.length - 1) * FRAMES_BETWEEN;
    if (frame + direction < 0 || frame + direction > last) direction = -direction;
    frame += direction;
    const since = performance.now();
    await paintFrame().catch(halt);
    const rest = 1000 * FRAME_SECONDS - (performance.now() - since);
    if (timer !== null) timer = setTimeout(step, Math.max(rest, 0));
  }

  function halt(error) {
    pause();
    complain(error);
  }

  function pause() {
    if (timer === null) return;
    clearTimeout(timer);
    timer = null;
    play.textContent = "Play";
    change(() => ({ frame }), "replace");
  }

  function toggle() {
    if (shown.kept.length < 2) return say("Keep two pictures first, to walk between them.");
    if (timer !== null) return pause();
    play.textContent = "Pause";
    timer = setTimeout(step, 0);
  }

  scrubber.addEventListener("input", () => {
    const wanted = Number(scrubber.value);
    pause();
    change(() => ({ frame: wanted }), "replace");
  });

  function show(state) {
    shown = state;
    whole.hidden = state.kept.length < 2;
    if (whole.hidden) return pause();
    scrubber.max = (state.kept.length - 1) * FRAMES_BETWEEN;
    if (timer === null) frame = state.frame;
    frame = Math.min(frame, Number(scrubber.max));
    if (timer === null) wish(paintFrame);
  }

  const stop = () => (clearTimeout(timer), (timer = null));
  return { element: whole, show, toggle, stop, frames: () => film.all(shown) };
}

function placeWords(frame) {
  const [from, along] = [Math.floor(frame / FRAMES_BETWEEN) + 1, frame % FRAMES_BETWEEN];
  return along ? `${Math.round((100 * along) / FRAMES_BETWEEN)} % from ${from} to ${from + 1}` : `picture ${from}`;
}

/** The frames of walks, drawn once for each pair of pictures and truncation. */
function filmOf(model) {
  const drawn = new Map(); // pair and truncation → promise of Uint8Array

  async function draw(pair, truncation) {
    const latents = await latentsOf(model, pair);
    const [first, last] = pair.map((item, i) => ({ latent: latents[i], label: item.label }));
    const { latents: path, labels } = segment(first, last, model);
    return (await drawLatents(model, path, labels, truncation)).data;
  }

  function part({ kept, truncation }, first) {
    const pair = kept.slice(first, first + 2);
    const key = [...pair.map(writeItem), truncation].join();
    if (!drawn.has(key)) {
      const promise = draw(pair, truncation);
      promise.catch(() => drawn.delete(key)); // to be tried again
      if (drawn.size > 100) drawn.clear(); // a truncation that slides draws many
      drawn.set(key, promise);
    }
    return drawn.get(key);
  }

  /** Each frame as [data, index], from the first picture to the last. */
  async function all(state) {
    const frames = [];
    for (let first = 0; first < state.kept.length - 1; first++) {
      const data = await part(state, first);
      for (let i = first ? 1 : 0; i <= FRAMES_BETWEEN; i++) frames.push([data, i]);
    }
    return frames;
  }
  return { segment: part, all };
}
