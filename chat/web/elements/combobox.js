/** A field in which one writes, and options below it: arrow keys point at one of them while the focus stays in the field. */

import { CompositionWatch } from './composition.js';
import { h } from './dom.js';

/** @template T @typedef {{ value: T, content: (Node | string)[] }} ComboboxOption */

/** @template T */
export class Combobox {
  input;
  list;
  composition;
  #prefix;
  #choose;
  /** @type {ComboboxOption<T>[]} */
  #options = [];
  /** -1: none of them. */
  #at = -1;

  /**
   * @param {{ prefix: string, label: string, placeholder: string, listLabel: string, enterKey: string }} settings
   *   `prefix`: of the ids; `enterKey`: what the Enter key of a phone says
   * @param {(value: T) => void} choose
   */
  constructor({ prefix, label, placeholder, listLabel, enterKey }, choose) {
    this.#prefix = prefix;
    this.#choose = choose;
    this.input = h('input', {
      id: `${prefix}-input`, class: 'field', type: 'text', role: 'combobox', 'aria-expanded': 'false', 'aria-controls': `${prefix}-list`, 'aria-autocomplete': 'list',
      'aria-label': label, placeholder, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', dir: 'auto', enterkeyhint: enterKey,
    });
    // The focus stays in the field when an option is pressed.
    this.list = h('ul', { id: `${prefix}-list`, class: 'switcher-list', role: 'listbox', 'aria-label': listLabel, pointerdown: (event) => event.preventDefault() });
    this.composition = new CompositionWatch(this.input, navigator.userAgent);
  }

  /** What is written. */
  get text() {
    return this.input.value.trim();
  }

  /** The option that is pointed at. */
  get pointed() {
    return this.#options[this.#at]?.value;
  }

  /**
   * @param {ComboboxOption<T>[]} options
   * @param {number} at the one to point at; -1: none
   */
  offer(options, at) {
    this.#options = options;
    this.list.replaceChildren(...options.map(({ value, content }, i) => h(
      'li', { id: `${this.#prefix}-${i}`, class: 'switcher-option', role: 'option', 'aria-selected': 'false', click: () => this.#choose(value) }, ...content,
    )));
    this.list.hidden = options.length === 0;
    this.input.setAttribute('aria-expanded', String(options.length > 0));
    this.#point(at);
  }

  /**
   * @param {KeyboardEvent} event a key that is not the input method's
   * @returns {boolean} whether it was for the options
   */
  takes(event) {
    const count = this.#options.length;
    const to = { ArrowDown: this.#at + 1, ArrowUp: Math.max(this.#at, 0) + count - 1 }[event.key];
    const chosen = this.#options[this.#at];
    if (to !== undefined && count > 0 && !event.altKey) this.#point(to % count);
    else if (event.key === 'Enter' && chosen !== undefined) this.#choose(chosen.value);
    else return false;
    event.preventDefault();
    return true;
  }

  /** @param {number} at */
  #point(at) {
    this.list.children[this.#at]?.setAttribute('aria-selected', 'false');
    this.#at = at;
    const option = this.list.children[at];
    option?.setAttribute('aria-selected', 'true');
    option?.scrollIntoView({ block: 'nearest' });
    if (option === undefined) this.input.removeAttribute('aria-activedescendant');
    else this.input.setAttribute('aria-activedescendant', option.id);
  }
}
