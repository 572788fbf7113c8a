// Puts the page together: what is on it, what may be done with it, and the conversation behind it.

import { setUpTheme } from "./appearance.js";
import { Calls } from "./calls.js";
import { Connection } from "./connection.js";
import { Consent } from "./consent.js";
import { Conversation } from "./conversation.js";
import { setText, switchLanguage, translate } from "./i18n.js";
import { Notices } from "./notices.js";
import { encodePcm, SAMPLE_RATE } from "./pcm.js";
import { Player } from "./player.js";
import { readRecording, RecordingError } from "./recording.js";
import { Talk } from "./talk.js";
import { askForToken, knownToken } from "./token.js";
import { Transcript } from "./transcript.js";
import { Voices } from "./voices.js";

const MODEL = "nano"; // where the server doesn't tell what its model is called
const LEAST_RECORDING = SAMPLE_RATE / 10;

const at = (id) => document.getElementById(id);
const notices = new Notices(at("notices"));
const transcript = new Transcript(at("transcript"), at("welcome"), at("scroller"));
const voices = new Voices(at("voice"), at("voices"), () => connection.isOpen && tellSession(), findVoices);
let model = MODEL;
let token = knownToken();
let connected = "connecting"; // of the connection
let doing = "open"; // of the conversation
let hadSession = false;

const player = new Player({
  started: (item) => conversation.started(item),
  finished: () => conversation.finished(),
  underrun: (count) => {
    at("gaps").hidden = false;
    setText(at("gaps"), "gaps", { count });
  },
  overflow: () => notices.tell("sound.overflow"),
  level: (level) => showLevel(at("output-level"), level),
});

const connection = new Connection({
  state: (state, said) => {
    connected = state;
    showState();
    if (state === "lost" && said) notices.quote(said);
    if (state === "ended") notices.tell("notice.ended", { reason: said ?? "" }, { key: "notice.again", run: start });
  },
  session: () => {
    if (hadSession) transcript.remark("notice.new");
    hadSession = true;
    conversation.reset();
    player.stop();
    talk.clearSent();
    tellSession();
  },
  event: (event) => conversation.take(event),
});

const calls = new Calls(transcript, new Consent(at("consent"), (event) => connection.send(event)));
const conversation = new Conversation((event) => connection.send(event), transcript, player, calls, {
  state: (state) => {
    doing = state;
    showState();
  },
  problem: (message) => notices.quote(message),
  sentTime: (milliseconds) => talk.sentTime(milliseconds),
});

const modes = [...document.getElementsByName("mode")];
const talk = new Talk(at("talk"), modes, at("hint"), (event) => connection.send(event), {
  interrupt: () => conversation.interrupt(),
  asked: () => conversation.questionEnded(),
  level: (level) => showLevel(at("input-level"), level),
  modeChanged: () => connection.isOpen && tellSession(),
  listening: (on) => {
    doing = on ? "listening" : "open";
    showState();
  },
  problem: (key) => notices.tell(key),
  gesture: openSound,
});

function tellSession() {
  const format = { type: "audio/pcm", rate: SAMPLE_RATE };
  const output = voices.chosen ? { format, voice: voices.chosen } : { format };
  const input = { format, turn_detection: talk.turnDetection, transcription: { model } };
  connection.send({
    type: "session.update",
    session: { type: "realtime", output_modalities: ["audio"], audio: { input, output } },
  });
}

/** Find out the model's name, the voices and whether the token is right; then begin a conversation. */
async function start() {
  try {
    let answer = await ask("/v1/models");
    while (answer.status === 401) {
      token = await askForToken(at("token"), token !== null);
      answer = await ask("/v1/models");
    }
    if (answer.ok) model = (await answer.json()).data?.[0]?.id ?? MODEL;
    const told = await ask("/v1/stepwave/voices");
    await voices.offer(told.ok ? await told.json() : { voices: [] });
  } catch {
    connected = "ended";
    showState();
    notices.tell("unreachable", {}, { key: "notice.again", run: start });
    return;
  }
  hadSession = false;
  connection.connect(model, token);
}

function ask(path, signal) {
  return fetch(path, { headers: token ? { Authorization: `Bearer ${token}` } : {}, credentials: "omit", signal });
}

async function findVoices(words, signal) {
  const told = await ask(`/v1/stepwave/voices?${new URLSearchParams({ query: words.slice(0, 200) })}`, signal);
  return told.ok ? (await told.json()).voices : [];
}

async function openSound() {
  try {
    await player.open();
  } catch (error) {
    notices.tell("sound.failed", { reason: error.message });
  }
}

function showState() {
  const shown = connected === "open" ? doing : connected;
  at("state").dataset.state = shown;
  setText(at("state").querySelector("span"), `state.${shown}`);
  at("stop").disabled = !["thinking", "speaking"].includes(shown);
  document.body.dataset.state = shown;
}

function showLevel(meter, level) {
  // Speech lies some 40 dB above silence: a meter that followed the amplitude would hardly move.
  const share = level > 0 ? Math.max(0, Math.min(1, 1 + Math.log10(level) / 2.2)) : 0;
  meter.style.setProperty("--level", share.toFixed(3));
  meter.setAttribute("aria-valuenow", String(Math.round(share * 100)));
  if (meter.id === "input-level") at("talk").style.setProperty("--level", share.toFixed(3));
}

/** Add what the user said as an item, and ask for an answer. `show` puts it into its turn. */
async function say(content, show) {
  await conversation.interrupt(); // first: what was heard of an answer is told before the next one is asked for
  const id = `item_${crypto.getRandomValues(new Uint32Array(3)).join("")}`.slice(0, 32);
  const turn = conversation.turn(id, "user");
  show(turn);
  turn.complete();
  const item = { id, type: "message", role: "user", content: [content] };
  connection.send({ type: "conversation.item.create", item });
  connection.send({ type: "response.create" });
  conversation.questionEnded();
}

async function sendFile(file) {
  openSound();
  try {
    const samples = await readRecording(file);
    if (samples.length < LEAST_RECORDING) throw new RecordingError("file.short", { name: file.name });
    const values = { name: file.name, seconds: (samples.length / SAMPLE_RATE).toFixed(1) };
    say({ type: "input_audio", audio: encodePcm(samples) }, (turn) => turn.stand("turn.recording", values));
  } catch (error) {
    if (!(error instanceof RecordingError)) throw error;
    notices.tell(error.message, error.values);
  }
}

function setUpWriting() {
  const words = at("words");
  const fit = () => {
    words.style.height = "auto";
    words.style.height = `${words.scrollHeight}px`;
  };
  words.oninput = fit;
  words.onkeydown = (event) => {
    // While an input method composes (Chinese, say), Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    at("write").requestSubmit();
  };
  at("write").onsubmit = (event) => {
    event.preventDefault();
    const text = words.value.trim();
    if (!text) return;
    openSound();
    say({ type: "input_text", text }, (turn) => turn.say(text));
    words.value = "";
    fit();
  };
}

function setUpFiles() {
  const chooser = at("file");
  at("attach").onclick = () => chooser.click();
  chooser.onchange = () => {
    for (const file of chooser.files) sendFile(file);
    chooser.value = "";
  };
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    at("drop").hidden = false;
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && (at("drop").hidden = true));
  addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    at("drop").hidden = true;
    const [file] = event.dataTransfer.files;
    if (file) sendFile(file);
  });
}

function setUpKeys() {
  for (const type of ["keydown", "keyup"]) {
    addEventListener(type, (event) => {
      if (document.querySelector("dialog[open], :popover-open")) return;
      if (talk.key(event)) event.preventDefault();
      else if (type === "keydown" && event.key === "Escape") conversation.interrupt();
    });
  }
  at("stop").onclick = () => conversation.interrupt();
}

translate();
setUpTheme(at("theme"));
at("language").onclick = switchLanguage;
setUpWriting();
setUpFiles();
setUpKeys();
start();
