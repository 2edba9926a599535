// The token that a server may ask for: from the address (`#token=…`), from this tab's memory, or from the user.

const PLACE = "ganzoo-token";

takeFromAddress();

/** The headers that prove to the server who asks; none without a token. */
export function authorization() {
  const token = sessionStorage.getItem(PLACE);
  return token ? { Authorization: `Bearer ${token}` } : {};
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
  sessionStorage.setItem(PLACE, decodeURIComponent(given[1]));
  const rest = location.hash
    .slice(1)
    .split("&")
    .filter((part) => !part.startsWith("token="));
  history.replaceState(history.state, "", rest.length ? `#${rest.join("&")}` : location.pathname + location.search);
}

function answer() {
  const dialog = document.getElementById("token");
  const field = document.getElementById("token-field");
  if (sessionStorage.getItem(PLACE)) {
    document.getElementById("token-why").textContent = "The token that was given is not this server's; try again.";
  }
  field.value = "";
  return new Promise((done) => {
    dialog.oncancel = (event) => event.preventDefault(); // without a token there is nothing to go back to
    dialog.onclose = () => {
      sessionStorage.setItem(PLACE, field.value.trim());
      done();
    };
    dialog.showModal();
  });
}
