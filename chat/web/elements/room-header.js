/** The top of a conversation: which one it is, what it is about, who is in it, and on a phone the ways to the two drawers. */

import { t } from '../i18n/index.js';
import { formatNumber } from '../i18n/dates.js';
import { languageOf } from '../text/language.js';
import { ChatElement } from './chat-element.js';
import { bdi, h, setText } from './dom.js';
import { icon } from './icons.js';
import { lastSeen, presenceOf, presenceWord, sign } from './room-row.js';

/** @import { Room } from '../state/room.js' */

export class RoomHeader extends ChatElement {
  #title = bdi('', 'room-title');
  #sign = h('span', { class: 'room-sign', hidden: true });
  #count = h('span', { class: 'room-count' });
  #topic = h('span', { class: 'room-topic', dir: 'auto' });
  #lamp = h('span', { class: 'lamp', hidden: true });
  #menu = this.#opener('rooms', 'menu', t.showRooms);
  #people = this.#opener('people', 'people', t.showPeople);
  #date = this.#button('go-to-date', 'calendar', t.jumpToDate, () => new CustomEvent('ask-date', { bubbles: true }));
  #details = h('button', { type: 'button', class: 'icon-button open-details', 'aria-haspopup': 'dialog', 'aria-label': t.details, title: t.details, click: () => this.dispatchEvent(new CustomEvent('details', { bubbles: true })) }, icon('info'));
  #look = '';

  build() {
    this.#menu.append(this.#lamp);
    this.append(
      this.#menu,
      this.#sign,
      h('div', { class: 'room-heading' }, h('h1', {}, this.#title), h('p', { class: 'room-about' }, this.#count, this.#topic)),
      this.#date,
      this.#button('open-search', 'search', t.searchMessages, () => new CustomEvent('ask-search', { bubbles: true })),
      this.#details,
      this.#people,
    );
  }

  update() {
    const { store } = this.chat;
    const room = store.currentRoom;
    this.#showTitle(room === null ? t.appName : this.chat.titleOf(room));
    this.#showSign(room);
    const topic = room?.topic ?? '';
    setText(this.#topic, topic);
    this.#topic.title = topic;
    this.#topic.lang = languageOf(topic) ?? '';
    this.#people.hidden = this.#details.hidden = room === null || !room.wanted;
    this.#date.hidden = room === null || !room.loaded || room.seq === 0;
    const { forMe, any } = this.chat.unread(room);
    this.#lamp.hidden = !any;
    this.#menu.setAttribute('aria-label', any ? `${t.showRooms}, ${forMe > 0 ? t.unread(forMe) : t.somethingNew}` : t.showRooms);
  }

  /** The sign before the title, and the line about who is there. @param {Room | null} room */
  #showSign(room) {
    const present = room?.kind === 'direct' ? this.chat.store.present() : new Map();
    const others = room === null ? [] : this.chat.others(room);
    const [first] = others;
    const presence = first === undefined ? 'unknown' : presenceOf(this.chat, first, present);
    const there = (first === undefined ? null : lastSeen(this.chat, first)) ?? presenceWord(presence);
    // Who is there is not known before one has been connected, though the room may be shown already.
    const count = room === null || !room.loaded || !this.chat.store.link.wasReady ? '' : room.kind === 'direct' ? others.length === 1 ? there : t.memberCount(others.length + 1)
      : room.kind === 'private' ? t.memberCount(room.persons.length || room.members) : t.peopleCount(room.members, formatNumber(room.members));
    setText(this.#count, count);
    this.#count.classList.toggle('always', room !== null && room.kind !== 'public');
    const look = `${room?.key} ${room?.kind} ${others.length} ${presence} ${first?.name}`;
    if (look === this.#look) return;
    this.#look = look;
    this.#sign.hidden = room === null || room.kind === 'public';
    this.#sign.replaceChildren(...(room === null || room.kind === 'public' ? [] : [sign(this.chat, room, present)]));
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
