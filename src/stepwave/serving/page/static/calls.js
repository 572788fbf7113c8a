// Tool calls as they happen: those that a client answers, and those that the server runs, with the user's leave.

export class Calls {
  /** A Transcript, and a Consent that asks about sensitive calls. */
  constructor(transcript, consent) {
    this.transcript = transcript;
    this.consent = consent;
    this.reset();
  }

  /** A new conversation; the calls of the old one stay on the page. */
  reset() {
    this.cards = new Map(); // by item id, and by call id where a client answers
    this.working = null; // the card of the call that the server runs
    this.consent.withdraw();
  }

  // One method per event type from here on, as in Conversation.

  "response.output_item.added"({ item }) {
    if (item.type !== "function_call" && item.type !== "mcp_call") return;
    const card = this.transcript.tool(item.name);
    this.cards.set(item.id, card);
    if (item.call_id) this.cards.set(item.call_id, card);
  }

  "response.function_call_arguments.delta"({ item_id, delta }) {
    this.cards.get(item_id)?.add(delta);
  }

  "response.function_call_arguments.done"({ item_id, arguments: json }) {
    this.cards.get(item_id)?.say(json);
  }

  "response.mcp_call_arguments.delta"(event) {
    this["response.function_call_arguments.delta"](event);
  }

  "response.mcp_call_arguments.done"(event) {
    this["response.function_call_arguments.done"](event);
  }

  "response.mcp_call.in_progress"({ item_id }) {
    this.working = this.cards.get(item_id);
    this.working?.show("tool.working");
  }

  "response.output_item.done"({ item }) {
    if (item.type === "mcp_approval_request") {
      this.working?.show("tool.asking");
      this.consent.ask(item, () => this.working?.show("tool.working"));
    }
    if (item.type !== "mcp_call") return;
    // However it ended, nobody waits for leave any more.
    this.consent.withdraw();
    if (item.error) this.cards.get(item.id)?.fail(item.error.message);
    else this.cards.get(item.id)?.answer(item.output);
  }

  "conversation.item.added"({ item }) {
    if (item.type === "function_call_output") this.cards.get(item.call_id)?.answer(item.output);
  }
}
