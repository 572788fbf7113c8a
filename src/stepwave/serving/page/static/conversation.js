// What a conversation's events come to: turns on the page, sound to the player, and what is sent back.

import { decodePcm, SAMPLE_RATE, toMilliseconds } from "./pcm.js";

const SECONDS_PER_CHARACTER = 0.065; // of spoken English; Chinese characters each take about as long as three letters
const HARMLESS = new Set(["response_cancel_not_active"]); // the answer ended while its cancellation was on the way

export class Conversation {
  /**
   * `send(event)`, a Transcript, a Player, Calls, and `handlers`: state("open" | "listening" | "thinking" | "speaking"),
   * problem(message), sentTime(milliseconds of sent sound) -> when that was recorded.
   */
  constructor(send, transcript, player, calls, handlers) {
    this.send = send;
    this.calls = calls;
    this.transcript = transcript;
    this.player = player;
    this.handlers = handlers;
    this.turns = new Map(); // by item id; ids are never used twice
    this.silence = 0; // milliseconds of silence by which the server knows that a turn is over
    this.reset();
  }

  /** A new conversation: what was under way in the old one is over. Its turns stay on the page. */
  reset() {
    this.answers = new Map(); // item id -> {response, content, samples, complete} of spoken answers
    this.calls.reset();
    this.cut = new Set(); // ids of responses that were interrupted
    this.response = null; // id of the one under way
    this.asked = null; // when the question ended, until its answer begins
  }

  /** Take an event of the server: methods with a dot in their name, and `error`, are each for one type. */
  take(event) {
    if (event.type !== "error" && !event.type.includes(".")) return;
    this[event.type]?.(event);
    this.calls[event.type]?.(event);
  }

  /** A question is complete now: its latency counts from here. */
  questionEnded() {
    this.asked = performance.now();
    this.handlers.state("thinking");
  }

  /** Stop the answer and tell the server what was heard of it. `cancel` unless the server stops by itself. */
  async interrupt(cancel = true) {
    const { response } = this;
    if (response) {
      this.cut.add(response);
      if (cancel) this.send({ type: "response.cancel", response_id: response });
    }
    const { item, played } = await this.player.stop();
    const answer = this.answers.get(item);
    if (answer) {
      this.cut.add(answer.response);
      // What follows in the same answer, as after a tool call, was not heard at all. Last first: the server reads
      // what stays behind a cut anew.
      const places = [...this.answers].filter(([, one]) => one.response === answer.response).map(([id]) => id);
      for (const id of places.slice(places.indexOf(item) + 1).reverse()) this.truncate(id, 0);
      this.truncate(item, played);
    }
    if (this.cut.has(this.response)) this.response = null;
    if (response || answer) this.handlers.state("open");
  }

  truncate(item, played) {
    const place = { item_id: item, content_index: this.answers.get(item).content };
    this.send({ type: "conversation.item.truncate", ...place, audio_end_ms: toMilliseconds(played) });
    this.showCut(item, played);
  }

  showCut(item, played) {
    const turn = this.turns.get(item);
    const { samples, complete } = this.answers.get(item);
    // While sound still comes, the words are ahead of it: how long they all take is then a guess.
    const wide = turn.words.match(/[\u3000-\u9fff\uac00-\ud7af\uff00-\uffef]/g)?.length ?? 0;
    const guess = (turn.words.length + 2 * wide) * SECONDS_PER_CHARACTER * SAMPLE_RATE;
    const whole = complete ? samples : Math.max(samples, guess);
    turn.cut(whole > 0 ? Math.min(1, played / whole) : 0);
  }

  /** Of the player: an item's first sound is heard. */
  started(item) {
    this.handlers.state("speaking");
    this.tellLatency(item, "turn.latency", this.player.delay);
  }

  /** Of the player: an item was played to its end. */
  finished() {
    this.handlers.state(this.response ? "thinking" : "open");
  }

  tellLatency(item, key, delay = 0) {
    if (this.asked === null) return;
    const seconds = (performance.now() - this.asked) / 1000 + delay;
    this.asked = null;
    this.turns.get(item)?.tell(key, { seconds: seconds.toFixed(2) });
  }

  turn(id, who) {
    if (!this.turns.has(id)) this.turns.set(id, this.transcript.turn(who));
    return this.turns.get(id);
  }

  // One method per event type from here on; what a page has no use for is left out.

  error({ error }) {
    if (HARMLESS.has(error.code)) return;
    this.handlers.problem(error.message);
    if (!this.response) this.handlers.state("open");
  }

  "session.created"({ session }) {
    this["session.updated"]({ session });
  }

  "session.updated"({ session }) {
    this.silence = session.audio?.input?.turn_detection?.silence_duration_ms ?? 0;
  }

  // What the user said.

  async "input_audio_buffer.speech_started"({ item_id }) {
    const turn = this.turn(item_id, "user");
    turn.stand("turn.listening");
    this.handlers.state("listening");
    await this.interrupt(false);
    if (this.asked === null) this.handlers.state("listening");
  }

  "input_audio_buffer.speech_stopped"({ item_id, audio_end_ms }) {
    this.turn(item_id, "user").stand("turn.transcribing");
    this.questionEnded();
    // The server counts the silence that told it so; whoever waits counts from their last word.
    this.asked = this.handlers.sentTime(audio_end_ms - this.silence) ?? this.asked;
  }

  "input_audio_buffer.committed"({ item_id }) {
    this.turn(item_id, "user").stand("turn.transcribing");
  }

  "conversation.item.input_audio_transcription.delta"({ item_id, delta }) {
    this.turn(item_id, "user").add(delta);
  }

  "conversation.item.input_audio_transcription.completed"({ item_id, transcript }) {
    const turn = this.turn(item_id, "user");
    if (transcript.trim()) turn.say(transcript.trim());
    else turn.stand("turn.empty");
    turn.complete();
  }

  "conversation.item.input_audio_transcription.failed"({ item_id }) {
    const turn = this.turn(item_id, "user");
    turn.stand("turn.unwritten");
    turn.complete();
  }

  "conversation.item.added"({ item }) {
    if (item.type === "message" && item.role === "user") {
      const turn = this.turn(item.id, "user");
      const written = item.content?.find((part) => part.type === "input_text")?.text;
      if (written && !turn.words) {
        turn.say(written);
        turn.complete();
      }
    }
  }

  "conversation.item.done"(event) {
    this["conversation.item.added"](event);
  }

  "conversation.item.truncated"({ item_id, audio_end_ms }) {
    if (this.answers.has(item_id)) this.showCut(item_id, (audio_end_ms * SAMPLE_RATE) / 1000);
  }

  // What the assistant says.

  "response.created"({ response }) {
    this.response = response.id;
    this.handlers.state("thinking");
  }

  "response.output_audio.delta"({ response_id, item_id, content_index, delta }) {
    if (this.cut.has(response_id)) return;
    this.turn(item_id, "assistant");
    const answer = this.answers.get(item_id) ?? { response: response_id, content: content_index, samples: 0 };
    const samples = decodePcm(delta);
    answer.samples += samples.length;
    this.answers.set(item_id, answer);
    this.player.push(item_id, samples);
  }

  "response.output_audio.done"({ response_id, item_id }) {
    if (this.cut.has(response_id)) return; // it ends because it was stopped: its sound isn't complete
    const answer = this.answers.get(item_id);
    if (answer) answer.complete = true;
    this.player.end(item_id);
  }

  "response.output_audio_transcript.delta"({ response_id, item_id, delta }) {
    if (!this.cut.has(response_id)) this.turn(item_id, "assistant").add(delta);
  }

  "response.output_audio_transcript.done"({ response_id, item_id, transcript }) {
    if (this.cut.has(response_id)) return;
    const turn = this.turn(item_id, "assistant");
    turn.say(transcript);
    turn.complete();
  }

  "response.output_text.delta"({ response_id, item_id, delta }) {
    if (this.cut.has(response_id)) return;
    this.turn(item_id, "assistant").add(delta);
    this.tellLatency(item_id, "turn.latency.text");
  }

  "response.output_text.done"({ response_id, item_id, text }) {
    this["response.output_audio_transcript.done"]({ response_id, item_id, transcript: text });
  }

  "response.done"({ response }) {
    if (this.response === response.id) this.response = null;
    const spoken = (response.output ?? []).map((item) => item.id).filter((id) => this.turns.has(id));
    const last = this.turns.get(spoken.findLast((id) => this.answers.has(id)) ?? spoken.at(-1));
    const reason = response.status_details?.error?.message ?? response.status_details?.reason ?? "";
    for (const id of spoken) if (this.answers.has(id)) this.player.end(id);
    if (response.status === "failed") this.handlers.problem(reason);
    if (response.status === "incomplete") last?.tell("turn.incomplete", { reason });
    if (response.status === "cancelled") for (const id of spoken) this.cutUnplayed(id);
    for (const id of spoken) this.turns.get(id).complete();
    if (!spoken.some((id) => this.answers.has(id)) || this.cut.has(response.id)) this.handlers.state("open");
  }

  /** Of a cancelled answer, what has words but no sound that was or will be played. */
  cutUnplayed(item) {
    const turn = this.turns.get(item);
    if (!this.answers.has(item)) turn.cut(0);
  }
}
