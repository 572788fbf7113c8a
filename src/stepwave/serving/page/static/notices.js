// Problems, told above the controls until they are dismissed or replaced by newer ones.

import { setLabel, setText } from "./i18n.js";

const MOST = 3;

export class Notices {
  constructor(place) {
    this.place = place;
  }

  /** Tell a text of the page; `action` is {key, run} of a button beside it. */
  tell(key, values = {}, action = null) {
    const words = document.createElement("p");
    setText(words, key, values);
    this.show(words, action);
  }

  /** Tell what the server said, in its words. */
  quote(message) {
    const words = document.createElement("p");
    words.textContent = message;
    this.show(words);
  }

  clear() {
    this.place.replaceChildren();
  }

  show(words, action = null) {
    for (const other of this.place.children) {
      if (other.firstElementChild.textContent === words.textContent) other.remove();
    }
    const notice = document.createElement("div");
    notice.className = "notice";
    notice.append(words);
    if (action) {
      const button = document.createElement("button");
      button.type = "button";
      setText(button, action.key);
      button.onclick = () => {
        notice.remove();
        action.run();
      };
      notice.append(button);
    }
    const close = document.createElement("button");
    close.type = "button";
    close.className = "close";
    close.textContent = "×";
    setLabel(close, "notice.close");
    close.onclick = () => notice.remove();
    notice.append(close);
    this.place.append(notice);
    while (this.place.children.length > MOST) this.place.firstElementChild.remove();
  }
}
