// Elements, made in one line each.

const SHORT = 5; // letters, of which five buttons fit in a row

/** An element with attributes, of which false and null are left out, listeners (`onclick: …`) and children. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null && value !== undefined)
      made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function button(words, attributes = {}) {
  return element("button", { type: "button", ...attributes }, ...[words].flat());
}

/** Says a sentence to screen readers, once the user has stopped changing things for a moment. */
export function say(sentence) {
  clearTimeout(say.later);
  say.later = setTimeout(() => (document.getElementById("said").textContent = sentence), 400);
}

/** Shows an error as a sentence; without one, what was shown goes away. */
export function complain(error = null) {
  const place = document.getElementById("problem");
  place.hidden = error === null;
  place.textContent = error === null ? "" : error.message;
}

/** A row of buttons of which one is chosen: `choices` are [value, words]; gives the row and a way to choose. */
export function choiceRow(title, choices, choose, attributes = {}) {
  const buttons = new Map(choices.map(([value, words]) => [value, button(words, { onclick: () => choose(value) })]));
  const longest = Math.max(...choices.slice(1).map(([, words]) => words.length));
  const row = element(
    "div",
    { role: "group", "aria-label": title, class: "choices", ...attributes },
    ...buttons.values(),
  );
  row.classList.toggle("short", longest <= SHORT);
  row.style.setProperty("--longest", Math.min(longest, 24)); // all buttons are of one width
  const mark = (chosen) => buttons.forEach((each, value) => each.setAttribute("aria-pressed", value === chosen));
  return { row, mark };
}
