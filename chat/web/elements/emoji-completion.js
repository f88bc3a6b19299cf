/** Emoji by their names while one types: `:th` offers 👍, arrows choose, Enter or Tab takes. */

import { t } from '../i18n/index.js';
import { emojiNamed, findEmoji } from '../text/emoji.js';
import { h } from './dom.js';

/** So many are offered. */
const OFFERED_MAX = 6;

/** A colon, in either width, where a word begins, and the beginning of a name. */
const BEGINNING = /(?:^|[\s\p{P}\p{Script=Han}])[:：]([\p{L}\p{N}_+-]{1,24})$/u;

/** A whole name. */
const WHOLE = /(?:^|[\s\p{P}\p{Script=Han}])([:：]([\p{L}\p{N}_+-]{1,24})[:：])$/u;

export class EmojiCompletion {
  element = h('ul', { class: 'completion', id: 'emoji-completion', role: 'listbox', 'aria-label': t.emoji, hidden: true });
  #input;
  #insert;
  /** @type {{ emoji: string, name: string }[]} */
  #offered = [];
  #chosen = 0;

  /**
   * @param {HTMLTextAreaElement} input
   * @param {(from: number, to: number, emoji: string) => void} insert puts it into the place of what is typed
   */
  constructor(input, insert) {
    this.#input = input;
    this.#insert = insert;
    input.setAttribute('aria-autocomplete', 'list');
    input.setAttribute('aria-controls', this.element.id);
  }

  get isOpen() {
    return this.#offered.length > 0;
  }

  /** What is typed has changed. Not to be called while something is being composed. */
  typed() {
    const before = this.#before();
    const whole = WHOLE.exec(before);
    const emoji = whole === null ? null : emojiNamed(whole[2] ?? '');
    if (whole !== null && emoji !== null) {
      this.#insert(before.length - (whole[1] ?? '').length, before.length, emoji);
      this.close();
      return;
    }
    const name = BEGINNING.exec(before)?.[1] ?? '';
    // One letter of an alphabet says nothing; one of Chinese does.
    this.#offered = name.length > 1 || /\p{Script=Han}/u.test(name) ? findEmoji(name, OFFERED_MAX) : [];
    this.#chosen = 0;
    this.#show();
  }

  close() {
    this.#offered = [];
    this.#show();
  }

  /**
   * @param {KeyboardEvent} event a key that is not an input method's
   * @returns {boolean} whether it was for this
   */
  takes(event) {
    if (!this.isOpen || event.ctrlKey || event.metaKey || event.altKey) return false;
    const count = this.#offered.length;
    switch (event.key) {
      case 'ArrowDown': this.#chosen = (this.#chosen + 1) % count; break;
      case 'ArrowUp': this.#chosen = (this.#chosen + count - 1) % count; break;
      case 'Enter': case 'Tab': this.#take(this.#chosen); break;
      case 'Escape': this.close(); break;
      default: return false;
    }
    event.preventDefault();
    event.stopPropagation();
    this.#show();
    return true;
  }

  #before() {
    const { selectionStart, selectionEnd, value } = this.#input;
    return selectionStart === selectionEnd ? value.slice(0, selectionStart) : '';
  }

  /** @param {number} at */
  #take(at) {
    const before = this.#before();
    const typed = BEGINNING.exec(before)?.[1] ?? '';
    const chosen = this.#offered[at];
    this.close();
    if (chosen !== undefined && typed !== '') this.#insert(before.length - typed.length - 1, before.length, chosen.emoji);
  }

  #show() {
    this.element.hidden = !this.isOpen;
    this.element.replaceChildren(...this.#offered.map(({ emoji, name }, at) => h(
      'li',
      // The box keeps the focus.
      { id: `emoji-option-${at}`, role: 'option', class: 'completion-option', 'aria-selected': String(at === this.#chosen), pointerdown: (event) => { event.preventDefault(); this.#take(at); } },
      h('span', { class: 'completion-emoji' }, emoji),
      `:${name}:`,
    )));
    if (this.isOpen) this.#input.setAttribute('aria-activedescendant', `emoji-option-${this.#chosen}`);
    else this.#input.removeAttribute('aria-activedescendant');
  }
}
