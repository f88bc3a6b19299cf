/** The page: the door for who has no name yet, otherwise the rooms; its title, its icon, its address. */

import { t } from '../i18n/index.js';
import { hashOf, roomFromHash } from '../state/address.js';
import { ChatElement, make } from './chat-element.js';
import { ChatFrame } from './chat-frame.js';
import { keyboardIsNear } from './dom.js';
import { NameGate } from './name-gate.js';

/** @import { Drawer } from './drawers.js' */

export class ChatApp extends ChatElement {
  /** The drawer to begin with. @type {Drawer | null} */
  drawer = null;
  /** What was typed at the door before. */
  typedName = '';
  /** @type {NameGate | ChatFrame | null} */
  #shown = null;
  #badge = '';

  attached() {
    this.listen(window, 'hashchange', () => this.#followAddress());
    this.#showAddress('replace');
  }

  update() {
    const { store, memory } = this.chat;
    const needsName = store.nameProblem !== null || (store.name === '' && (memory.name === '' || this.#shown instanceof NameGate));
    if (needsName && !(this.#shown instanceof NameGate)) this.#show(this.#gate());
    else if (!needsName && !(this.#shown instanceof ChatFrame)) this.#show(this.#frame());
    this.#showTitle();
    this.#showAddress('push');
  }

  /** What has to be kept when the page is made anew in another language. */
  get kept() {
    return {
      typedName: this.#shown instanceof NameGate ? this.#shown.typed : '',
      drawer: this.#shown instanceof ChatFrame ? this.#shown.openDrawer : null,
    };
  }

  #gate() {
    const gate = make(NameGate, this.chat);
    gate.value = this.typedName;
    return gate;
  }

  #frame() {
    const frame = make(ChatFrame, this.chat);
    frame.drawer = this.drawer;
    return frame;
  }

  /** @param {NameGate | ChatFrame} element */
  #show(element) {
    this.#shown = element;
    this.replaceChildren(element);
    if (keyboardIsNear()) element.focus();
  }

  #showTitle() {
    const { store } = this.chat;
    const room = store.currentRoom;
    const { forMe, any } = this.chat.unread(this.chat.attention.sees ? room : null);
    const place = room === null || this.#shown instanceof NameGate ? '' : `${this.chat.titleOf(room)} · `;
    const badge = forMe > 0 ? `(${forMe > 99 ? '99+' : forMe}) ` : any ? '• ' : '';
    const title = badge + place + t.appName;
    if (document.title !== title) document.title = title;
    // On the icon of an installed page, where there is one: a number, or a dot.
    if (badge !== this.#badge) navigator.setAppBadge?.(any && forMe === 0 ? undefined : forMe).catch(() => {});
    this.#badge = badge;
    const icon = document.querySelector('link[rel="icon"]');
    const href = any ? 'favicon-unread.svg' : 'favicon.svg';
    if (icon !== null && icon.getAttribute('href') !== href) icon.setAttribute('href', href);
  }

  /** @param {'push' | 'replace'} how */
  #showAddress(how) {
    const { current } = this.chat.store;
    if (roomFromHash(location.hash) === current) return;
    const address = current === null ? location.pathname : hashOf(current);
    if (how === 'push') history.pushState(null, '', address);
    else history.replaceState(null, '', address);
  }

  #followAddress() {
    if (this.chat.takeInvitation()) return;
    const key = roomFromHash(location.hash);
    if (key !== null && key !== this.chat.store.current) this.chat.session.show(key);
  }
}

customElements.define('chat-app', ChatApp);
