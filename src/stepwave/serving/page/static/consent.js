// Asks before a tool is run that changes, costs or reveals something. Whoever closes the question says no.

import { indented } from "./json.js";

export class Consent {
  /** `dialog` is the <dialog>; `send(event)` takes the answer to the server. */
  constructor(dialog, send) {
    this.dialog = dialog;
    this.send = send;
    this.request = null;
    dialog.querySelector(".yes").onclick = () => this.answer(true);
    dialog.querySelector(".no").onclick = () => this.answer(false);
    dialog.oncancel = (event) => {
      event.preventDefault();
      this.answer(false);
    };
  }

  /** Show a request of the protocol, and send what the user says; then call `answered`. */
  ask(request, answered) {
    this.request = request.id;
    this.answered = answered;
    this.dialog.querySelector(".tool-name").textContent = request.name;
    this.dialog.querySelector(".tool-arguments").textContent = indented(request.arguments);
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.querySelector(".no").focus(); // a key pressed for something else must not allow it
  }

  /** The server waits no longer. */
  withdraw() {
    this.request = null;
    if (this.dialog.open) this.dialog.close();
  }

  answer(approve) {
    if (this.request === null) return;
    const item = { type: "mcp_approval_response", approval_request_id: this.request, approve };
    this.send({ type: "conversation.item.create", item });
    this.withdraw();
    this.answered();
  }
}
