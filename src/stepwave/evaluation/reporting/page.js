"use strict";
// Filters the items of each suite, opens what an address points at, and lets one sound play at a time.
for (const form of document.querySelectorAll("form.filter")) {
  const section = form.closest("section");
  const items = [...section.querySelectorAll("article.item")].map((element) => ({
    element,
    text: element.textContent.toLowerCase(),
  }));

  const filter = () => {
    const check = form.elements.check.value;
    const only = form.elements.only.value;
    const words = form.elements.words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const { element, text } of items) {
      const shown =
        (!check || element.dataset.check === check) &&
        (!only || element.dataset[only] === "1") &&
        words.every((word) => text.includes(word));
      element.hidden = !shown;
      if (!shown) element.querySelectorAll("audio").forEach((audio) => audio.pause());
      found += shown ? 1 : 0;
    }
    for (const group of section.querySelectorAll("section.check")) {
      group.hidden = !group.querySelector("article.item:not([hidden])");
    }
    form.elements.found.value = found === items.length ? `${found} items` : `${found} of ${items.length} items`;
  };

  form.hidden = !items.length;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();
}

// An item that a link points at is shown whatever the filter says.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  const target = link && document.getElementById(link.hash.slice(1));
  for (let place = target; place; place = place.parentElement) place.hidden = false;
});

document.addEventListener(
  "play",
  (event) => {
    for (const audio of document.querySelectorAll("audio")) {
      if (audio !== event.target) audio.pause();
    }
  },
  true,
);
