// The server's token: comes in the address's fragment, is kept for this tab, and is asked for where it is missing.

const KEY = "stepwave.token";

/** The token, or null. A fragment is never sent to a server; it is taken off so that nobody reads or copies it. */
export function knownToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem(KEY);
}

/** Ask for it in a dialog; resolves to what was typed. `wrong` tells that the last one was refused. */
export function askForToken(dialog, wrong) {
  const field = dialog.querySelector("input");
  const form = dialog.querySelector("form");
  dialog.querySelector(".wrong").hidden = !wrong;
  field.value = "";
  if (!dialog.open) dialog.showModal();
  field.focus();
  return new Promise((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      const token = field.value.trim();
      if (!token) return;
      sessionStorage.setItem(KEY, token);
      dialog.close();
      resolve(token);
    };
    dialog.oncancel = (event) => event.preventDefault(); // nothing works without it
  });
}
