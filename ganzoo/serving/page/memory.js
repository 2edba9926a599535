// What the browser remembers for the page: all its tabs (`localStorage`) or this one (`sessionStorage`).

const untilItCloses = new Map(); // what a browser that refuses storage cannot remember for longer

/** Remembers a text, for as long as the browser lets us. */
export function remember(storage, key, text) {
  untilItCloses.set(key, text);
  try {
    window[storage].setItem(key, text);
  } catch {
    // Refused by a setting, or full: the page works without.
  }
}

/** The text that was remembered, or null. */
export function recall(storage, key) {
  try {
    return window[storage].getItem(key) ?? untilItCloses.get(key) ?? null;
  } catch {
    return untilItCloses.get(key) ?? null;
  }
}
