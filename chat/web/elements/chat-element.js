/** What the elements of this page have in common: they show the store, and are told when it has changed. */

/** @import { Chat } from '../chat.js' */

export class ChatElement extends HTMLElement {
  /** @type {Chat | null} */
  #chat = null;
  #built = false;
  /** @type {(() => void)[]} */
  #endings = [];

  /** @returns {Chat} */
  get chat() {
    if (this.#chat === null) throw new Error(`<${this.localName}> was put into the page without its chat`);
    return this.#chat;
  }

  set chat(chat) {
    this.#chat = chat;
  }

  connectedCallback() {
    if (!this.#built) {
      this.#built = true;
      this.build();
    }
    this.whileConnected(this.chat.store.subscribe(() => this.update()));
    this.attached();
    this.update();
  }

  disconnectedCallback() {
    for (const end of this.#endings.splice(0)) end();
  }

  /** Makes the children; once. */
  build() {}

  /** Listens to what is outside of the element; undone by what is given to `whileConnected`. */
  attached() {}

  /** Shows what the store says now. Called often: does nothing where nothing has changed. */
  update() {}

  /** @param {() => void} end called when the element leaves the page */
  whileConnected(end) {
    this.#endings.push(end);
  }

  /**
   * @template {Event} E
   * @param {EventTarget} target
   * @param {string} type
   * @param {(event: E) => void} listener
   * @param {AddEventListenerOptions} [options]
   */
  listen(target, type, listener, options) {
    target.addEventListener(type, /** @type {EventListener} */ (listener), options);
    this.whileConnected(() => target.removeEventListener(type, /** @type {EventListener} */ (listener), options));
  }
}

/**
 * @template {ChatElement} T
 * @param {new () => T} type
 * @param {Chat} chat
 * @param {string} [className]
 * @returns {T}
 */
export function make(type, chat, className) {
  const element = new type();
  element.chat = chat;
  if (className !== undefined) element.className = className;
  return element;
}
