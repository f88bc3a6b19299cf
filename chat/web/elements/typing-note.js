/** Who is writing at present. It is not read aloud: it would never stop. */

import { t } from '../i18n/index.js';
import { formatList } from '../i18n/dates.js';
import { ChatElement } from './chat-element.js';
import { h, setText } from './dom.js';

/** So many are named. */
const NAMES_SHOWN = 3;

export class TypingNote extends ChatElement {
  #text = h('p', { class: 'typing', 'aria-live': 'off', dir: 'auto' });

  build() {
    this.append(this.#text);
  }

  update() {
    const typing = this.chat.store.currentRoom?.typing ?? [];
    const shown = typing.length > NAMES_SHOWN ? [...typing.slice(0, NAMES_SHOWN), t.andOthers(typing.length - NAMES_SHOWN)] : [...typing];
    setText(this.#text, typing.length === 0 ? '' : t.isTyping(formatList(shown), typing.length));
  }
}

customElements.define('typing-note', TypingNote);
