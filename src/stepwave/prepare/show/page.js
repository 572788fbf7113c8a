"use strict";
// Filters the sample, lets one sound play at a time, and moves the line over its picture.
const form = document.getElementById("filter");
const records = [...document.querySelectorAll("article.record")].map((element) => ({
  element,
  kind: element.dataset.kind,
  voices: JSON.parse(element.dataset.voices),
  text: element.textContent.toLowerCase(),
}));

function filter() {
  const kind = form.elements.kind.value;
  const voice = form.elements.voice.value;
  const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const record of records) {
    const shown =
      (!kind || record.kind === kind) &&
      (!voice || record.voices.includes(voice)) &&
      words.every((word) => record.text.includes(word));
    record.element.hidden = !shown;
    if (!shown) record.element.querySelectorAll("audio").forEach((audio) => audio.pause());
    found += shown ? 1 : 0;
  }
  for (const group of document.querySelectorAll(".kind-group")) {
    group.hidden = !group.querySelector("article.record:not([hidden])");
  }
  form.elements.found.value = found === records.length ? `${found} records` : `${found} of ${records.length} records`;
}

if (records.length) {
  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
}

const sounds = [...document.querySelectorAll(".sound")];
for (const sound of sounds) {
  const audio = sound.querySelector("audio");
  const picture = sound.querySelector(".picture");
  const head = sound.querySelector(".head");
  let moving = 0;
  const move = () => {
    head.style.left = `${audio.duration ? (100 * audio.currentTime) / audio.duration : 0}%`;
    moving = audio.paused ? 0 : requestAnimationFrame(move);
  };
  audio.addEventListener("play", () => {
    for (const other of sounds) {
      if (other !== sound) other.querySelector("audio").pause();
    }
    sound.classList.add("playing");
    if (!moving) move();
  });
  audio.addEventListener("seeked", () => moving || move());
  audio.addEventListener("ended", () => sound.classList.remove("playing"));
  picture.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    const start = () => {
      audio.currentTime = share * audio.duration;
      audio.play().catch(() => {});
    };
    if (audio.readyState > 0) start();
    else {
      audio.addEventListener("loadedmetadata", start, { once: true });
      audio.load();
    }
  });
}
