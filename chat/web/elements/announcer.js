/**
 * Tells a screen reader of new messages, once each. The conversation itself says nothing when it changes: otherwise every
 * older page would be read aloud.
 */

import { t } from '../i18n/index.js';
import { languageOf } from '../text/language.js';
import { h } from './dom.js';

/** @import { Message } from '../net/frames.js' */

/** More messages than this at once are only counted. */
const READ_OUT_MAX = 3;

/** So many announcements stay in the document. */
const KEPT_MAX = 5;

export class Announcer {
  element = h('div', { class: 'visually-hidden announcer', 'aria-live': 'polite', 'aria-relevant': 'additions' });

  /** @param {Message[]} messages */
  tell(messages) {
    if (messages.length > READ_OUT_MAX) this.#say(t.newMessages(messages.length), null);
    else for (const { from, data } of messages) this.#say(t.says(from, data), languageOf(data));
  }

  clear() {
    this.element.replaceChildren();
  }

  /**
   * @param {string} sentence
   * @param {string | null} lang
   */
  #say(sentence, lang) {
    this.element.append(h('p', { lang }, sentence));
    while (this.element.childElementCount > KEPT_MAX) this.element.firstElementChild?.remove();
  }
}
