// The WebSocket of a conversation: events both ways, and going on with the same conversation after it broke.

const RESUME_SECONDS = 30; // so long the server keeps a conversation whose connection was lost
const DELAYS = [250, 500, 1000, 2000, 4000]; // milliseconds before each attempt; the last one goes on
const MOST_WAITING = 64; // events kept while there is no connection
const MOST_UNSENT = 1024 * 1024; // bytes: on a line slower than speech, sound is left out rather than late
const FOR_GOOD = [1000, 1008, 4408, 4409]; // close codes that end a conversation: over, refused, idle, taken over
const QUESTIONS = ["conversation.item.create", "response.create"];

export class Connection {
  /**
   * `handlers`: state("connecting" | "open" | "lost" | "ended", what the server said), session(session) for each new
   * conversation, event(event).
   */
  constructor(handlers) {
    this.handlers = handlers;
    this.waiting = [];
    this.count = 0;
    this.forget();
  }

  /** Begin a new conversation. */
  connect(model, token) {
    this.model = model;
    this.token = token;
    this.forget();
    this.dial();
  }

  forget() {
    this.resume = null;
    this.lastEvent = null;
    this.lostAt = null;
    this.attempt = 0;
  }

  get isOpen() {
    return this.ready && this.socket.readyState === WebSocket.OPEN;
  }

  /** Send an event; true if it was sent. While the connection is lost events wait for the next; sound doesn't. */
  send(event) {
    const sound = event.type === "input_audio_buffer.append";
    if (!this.isOpen) {
      if (!sound && this.waiting.length < MOST_WAITING) this.waiting.push(event);
      return false;
    }
    if (sound && this.socket.bufferedAmount > MOST_UNSENT) return false;
    this.socket.send(JSON.stringify({ event_id: `page_${++this.count}`, ...event }));
    return true;
  }

  dial() {
    clearTimeout(this.timer);
    this.handlers.state(this.lostAt === null ? "connecting" : "lost");
    const query = new URLSearchParams({ model: this.model });
    if (this.resume) {
      query.set("resume", this.resume);
      if (this.lastEvent) query.set("last_event_id", this.lastEvent);
    }
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const protocols = this.token ? ["realtime", `openai-insecure-api-key.${this.token}`] : ["realtime"];
    const socket = new WebSocket(`${scheme}://${location.host}/v1/realtime?${query}`, protocols);
    this.socket = socket;
    this.ready = false;
    this.refusal = null;
    // A conversation that goes on is not announced: any answer to this shows that the server took it up again.
    socket.onopen = () => this.resume && socket.send('{"type":"session.update","session":{"type":"realtime"}}');
    socket.onmessage = ({ data }) => this.receive(JSON.parse(data));
    socket.onclose = (close) => this.closed(close);
  }

  receive(event) {
    if (!this.ready && event.type === "error") {
      this.refusal = event.error.message; // the server closes next
      return;
    }
    if (event.event_id) this.lastEvent = event.event_id;
    if (!this.ready) this.begin(event);
    this.handlers.event(event);
  }

  begin(event) {
    this.ready = true;
    this.lostAt = null;
    this.attempt = 0;
    this.handlers.state("open");
    if (event.type === "session.created") {
      this.resume = event.session.stepwave?.resume ?? null;
      this.waiting = this.waiting.filter(({ type }) => QUESTIONS.includes(type)); // the rest is of no use now
      this.handlers.session(event.session);
    }
    for (const waiting of this.waiting.splice(0)) this.send(waiting);
  }

  closed({ code }) {
    const { ready, refusal, resume } = this;
    this.ready = false;
    if (FOR_GOOD.includes(code) && (ready || !resume)) {
      this.waiting = [];
      this.handlers.state("ended", refusal);
      return;
    }
    this.lostAt ??= performance.now();
    const late = performance.now() - this.lostAt > RESUME_SECONDS * 1000;
    if (late || refusal) this.resume = this.lastEvent = null; // the old conversation is gone
    this.handlers.state("lost", resume ? null : refusal);
    const delay = DELAYS[Math.min(this.attempt++, DELAYS.length - 1)];
    this.timer = setTimeout(() => this.dial(), delay);
  }
}
