// The token that a server may ask for: from the address (`#token=…`), from this tab's memory, or from the user.

import { recall, remember } from "./memory.js";

const PLACE = "ganzoo-token";
const WELL_FORMED = /^[\w.~+/-]+=*$/; // RFC 6750, section 2.1; no server has another, and a header could not hold any

takeFromAddress();

/** The headers that prove to the server who asks; none without what could be a token. */
export function authorization() {
  const token = recall("sessionStorage", PLACE);
  return WELL_FORMED.test(token ?? "") ? { Authorization: `Bearer ${token}` } : {};
}

/** Asks the user until something was entered; requests that fail at once share the question. */
export function askForToken() {
  askForToken.pending ??= answer().finally(() => (askForToken.pending = null));
  return askForToken.pending;
}

// An address is shown, copied and kept in the history: the token is not to stay there.
function takeFromAddress() {
  const given = /(?:^#|&)token=([^&]*)/.exec(location.hash);
  if (!given) return;
  remember("sessionStorage", PLACE, decoded(given[1]));
  const rest = location.hash
    .slice(1)
    .split("&")
    .filter((part) => !part.startsWith("token="));
  history.replaceState(history.state, "", rest.length ? `#${rest.join("&")}` : location.pathname + location.search);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a stray % in a link that was typed
  }
}

function answer() {
  const dialog = document.getElementById("token");
  const field = document.getElementById("token-field");
  if (recall("sessionStorage", PLACE)) {
    document.getElementById("token-why").textContent = "The token that was given is not this server's; try again.";
  }
  field.value = "";
  return new Promise((done) => {
    dialog.oncancel = (event) => event.preventDefault(); // without a token there is nothing to go back to
    dialog.onclose = () => {
      remember("sessionStorage", PLACE, field.value.trim());
      done();
    };
    dialog.showModal();
  });
}
