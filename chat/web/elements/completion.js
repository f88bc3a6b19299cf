/** Offers what could be meant while one types: arrows choose, Enter or Tab takes. What is offered comes from others. */

import { h } from './dom.js';

/** What would stand in the text, and how it is shown. @typedef {{ text: string, show: () => (Node | string)[] }} Option */

/**
 * What is typed from `from` up to the cursor stands for one of the options; `isWhole`: for the first, and nobody has to be asked.
 * @typedef {{ label: string, from: number, options: Option[], isWhole?: boolean }} Offer
 */

export class Completion {
  element = h('ul', { class: 'completion', id: 'completion', role: 'listbox', hidden: true });
  #input;
  #sources;
  #insert;
  /** @type {Offer | null} */
  #offer = null;
  /** The text before the cursor for which it was made. */
  #typed = '';
  #chosen = 0;

  /**
   * @param {HTMLTextAreaElement} input
   * @param {((before: string) => Offer | null)[]} sources are asked one after the other about the text before the cursor
   * @param {(from: number, to: number, text: string) => void} insert puts it into the place of what is typed
   */
  constructor(input, sources, insert) {
    this.#input = input;
    this.#sources = sources;
    this.#insert = insert;
    input.setAttribute('aria-autocomplete', 'list');
    input.setAttribute('aria-controls', this.element.id);
  }

  /** The cursor may be somewhere else: what is offered is for where it was. */
  moved() {
    if (this.#offer !== null && this.#before() !== this.#typed) this.close();
  }

  /** What is typed has changed. Not to be called while syllables are being composed. */
  typed() {
    this.#typed = this.#before();
    this.#offer = null;
    for (const source of this.#sources) this.#offer ??= source(this.#typed);
    this.#chosen = 0;
    if (this.#offer?.isWhole) this.#take(0);
    this.#show();
  }

  close() {
    this.#offer = null;
    this.#show();
  }

  /**
   * @param {KeyboardEvent} event a key that is not an input method's
   * @returns {boolean} whether it was for this
   */
  takes(event) {
    this.moved();
    if (this.#offer === null || event.ctrlKey || event.metaKey || event.altKey) return false;
    const count = this.#offer.options.length;
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
    this.moved();
    const offer = this.#offer;
    const chosen = offer?.options[at];
    this.close();
    if (offer !== null && chosen !== undefined) this.#insert(offer.from, this.#typed.length, chosen.text);
  }

  #show() {
    this.element.hidden = this.#offer === null;
    this.element.setAttribute('aria-label', this.#offer?.label ?? '');
    this.element.replaceChildren(...(this.#offer?.options ?? []).map(({ show }, at) => h(
      'li',
      // The box keeps the focus.
      { id: `completion-option-${at}`, role: 'option', class: 'completion-option', 'aria-selected': String(at === this.#chosen), pointerdown: (event) => { event.preventDefault(); this.#take(at); } },
      ...show(),
    )));
    if (this.#offer === null) this.#input.removeAttribute('aria-activedescendant');
    else this.#input.setAttribute('aria-activedescendant', `completion-option-${this.#chosen}`);
  }
}
