/** The top of a conversation: which room it is, who is in it, and on a phone the ways to the two drawers. */

import { t } from '../i18n/index.js';
import { formatNumber } from '../i18n/dates.js';
import { ChatElement } from './chat-element.js';
import { bdi, h, setText } from './dom.js';
import { icon } from './icons.js';

export class RoomHeader extends ChatElement {
  #title = bdi('', 'room-title');
  #count = h('span', { class: 'room-count' });
  #lamp = h('span', { class: 'lamp', hidden: true });
  #menu = this.#opener('rooms', 'menu', t.showRooms);
  #people = this.#opener('people', 'people', t.showPeople);
  #date = this.#button('go-to-date', 'calendar', t.jumpToDate, () => new CustomEvent('ask-date', { bubbles: true }));

  build() {
    this.#menu.append(this.#lamp);
    this.append(
      this.#menu,
      h('div', { class: 'room-heading' }, h('h1', {}, this.#title), this.#count),
      this.#date,
      this.#button('open-search', 'search', t.searchMessages, () => new CustomEvent('ask-search', { bubbles: true })),
      this.#people,
    );
  }

  update() {
    const { store } = this.chat;
    const room = store.currentRoom;
    this.#showTitle(room === null ? t.appName : this.chat.titleOf(room));
    setText(this.#count, room === null || !room.loaded ? '' : t.peopleCount(room.members, formatNumber(room.members)));
    this.#people.hidden = room === null || !room.wanted;
    this.#date.hidden = room === null || !room.loaded || room.seq === 0;
    const elsewhere = store.wanted().reduce((sum, { key, unread }) => sum + (key === store.current ? 0 : unread), 0);
    this.#lamp.hidden = elsewhere === 0;
    this.#menu.setAttribute('aria-label', elsewhere === 0 ? t.showRooms : `${t.showRooms}, ${t.unread(elsewhere)}`);
  }

  /** @param {string} title */
  #showTitle(title) {
    if (this.#title.textContent === title) return;
    const element = bdi(title, 'room-title');
    this.#title.replaceWith(element);
    this.#title = element;
  }

  /**
   * @param {'rooms' | 'people'} drawer
   * @param {string} picture
   * @param {string} label
   */
  #opener(drawer, picture, label) {
    return this.#button(`open-${drawer}`, picture, label, () => new CustomEvent('drawer', { bubbles: true, detail: drawer }));
  }

  /**
   * @param {string} className
   * @param {string} picture
   * @param {string} label
   * @param {() => Event} event
   */
  #button(className, picture, label, event) {
    const click = () => this.dispatchEvent(event());
    return h('button', { type: 'button', class: `icon-button ${className}`, 'aria-label': label, title: label, click }, icon(picture));
  }
}

customElements.define('room-header', RoomHeader);
