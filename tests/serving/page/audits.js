// What is looked for in a page as a whole: each function gives a sentence for each thing that is wrong.

const isShown = (node) => node.getClientRects().length > 0 && !node.closest("dialog:not([open])");

function nameOf(node) {
  const label = node.getAttribute("aria-label") ?? [...(node.labels ?? [])].map((each) => each.textContent).join(" ");
  return label.trim() || (node.tagName === "IMG" ? "decoration" : node.textContent.trim());
}

/** What assistive technology needs, and does not find. */
function lacks() {
  const found = [];
  const speaking = "a, button, input, select, summary, section, [role=img], [role=group]";
  for (const node of [...document.querySelectorAll(speaking)].filter(isShown)) {
    if (!nameOf(node)) found.push(`no name: ${node.outerHTML.slice(0, 120)}`);
  }
  for (const canvas of document.querySelectorAll("canvas")) {
    if (!canvas.closest("button") && canvas.getAttribute("role") !== "img") found.push("a canvas that nobody hears of");
  }
  if (document.querySelector("img:not([alt])")) found.push("an image without alt");
  const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
  if (new Set(ids).size !== ids.length) found.push("an id twice");
  const levels = [...document.querySelectorAll("h1, h2, h3")].filter(isShown).map((node) => node.tagName);
  if (levels.filter((level) => level === "H1").length !== 1) found.push(`headings ${levels}`);
  if (levels.some((level, i) => Number(level[1]) > Number(levels[i - 1]?.[1] ?? 0) + 1)) found.push(`leaps: ${levels}`);
  for (const tag of ["main", "header", "footer"]) {
    if (document.querySelectorAll(`body > ${tag}`).length !== 1) found.push(`no ${tag}`);
  }
  if (!document.documentElement.lang || !document.title) found.push("no language or title");
  return found;
}

const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);

/** Relative luminance of sRGB: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance */
function luminance(colour) {
  const linear = numbers(colour)
    .slice(0, 3)
    .map((level) => level / 255)
    .map((level) => (level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

function background(node) {
  const colour = getComputedStyle(node).backgroundColor;
  return numbers(colour)[3] === 0 && node.parentElement ? background(node.parentElement) : colour;
}

/** From 1 to 21: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/** The largest contrast of pixels [red, green, blue] with the first of them. */
function widest(pixels) {
  const colours = pixels.map((levels) => `rgb(${levels})`);
  return Math.max(...colours.map((colour) => contrast(colour, colours[0])));
}

/** Fields and buttons whose line or surface has less than 3 to 1 with what is around them (WCAG 2.2, 1.4.11). */
function unbounded() {
  const exempt = ".quiet, .tile, [type=checkbox], [type=range], :disabled"; // words, pictures, the browser's own
  return [...document.querySelectorAll("button, input, select")]
    .filter((node) => !node.matches(exempt))
    .map((node) => {
      const { borderTopColor: line, backgroundColor: surface, borderTopWidth: width } = getComputedStyle(node);
      const seen = [surface, ...(parseFloat(width) >= 1 ? [line] : [])].filter((colour) => numbers(colour)[3] !== 0);
      return [Math.max(...seen.map((colour) => contrast(colour, background(node.parentElement)))), node.outerHTML];
    })
    .filter(([ratio]) => ratio < 3)
    .map(([ratio, html]) => `${ratio.toFixed(2)}: ${html.slice(0, 120)}`);
}

/** Words whose contrast is below 4.5 to 1, or 3 to 1 where they are large (WCAG 2.2, 1.4.3). */
function faint() {
  const exempt = ":disabled, .seed, .unseen, .skip, noscript, .preview";
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) {
    const [words, node] = [texts.currentNode.data.trim(), texts.currentNode.parentElement];
    if (!words || !isShown(node) || node.closest(exempt)) continue;
    const style = getComputedStyle(node);
    const ratio = contrast(style.color, background(node));
    if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) found.push(`${ratio.toFixed(2)}: ${words}`);
  }
  return found;
}

/** What is hard to hit with a finger: below 24 pixels, and not within a line of text (WCAG 2.2, 2.5.8). */
function small() {
  const targets = [...document.querySelectorAll("a, button, input, select, summary")];
  return targets
    .filter((node) => isShown(node) && !node.closest("p, footer, .skip"))
    .map((node) => [node.getBoundingClientRect(), node.outerHTML.slice(0, 120)])
    .filter(([{ width, height }]) => Math.min(width, height) < 24)
    .map(([{ width, height }, words]) => `${width} × ${height}: ${words}`);
}

/** What takes its time to change. */
function moving() {
  return [...document.querySelectorAll("*")]
    .filter((node) => parseFloat(getComputedStyle(node).transitionDuration) > 0)
    .map((node) => node.outerHTML.slice(0, 120));
}
