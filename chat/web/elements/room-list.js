/** The rooms: those one is in, with what is unread in each, and those one could enter. */

import { language, t } from '../i18n/index.js';
import { formatNumber } from '../i18n/dates.js';
import { LOBBY } from '../net/session.js';
import { hashOf } from '../state/address.js';
import { ChatElement, make } from './chat-element.js';
import { bdi, h } from './dom.js';
import { icon, jack } from './icons.js';
import { KeyedList } from './keyed-list.js';
import { RoomForm } from './room-form.js';

/** @import { Room } from '../state/room.js' */

export class RoomList extends ChatElement {
  #own = h('ul', { class: 'rooms', role: 'list' });
  #ownSection = h('section', { 'aria-labelledby': 'own-rooms' }, h('h2', { id: 'own-rooms', class: 'panel-title' }, t.yourRooms), this.#own);
  #others = h('ul', { class: 'rooms', role: 'list' });
  #othersSection = h('section', { 'aria-labelledby': 'other-rooms' }, h('h2', { id: 'other-rooms', class: 'panel-title' }, t.otherRooms), this.#others);
  /** @type {Room[]} */
  #sorted = [];
  #revision = -1;
  #lists = [this.#own, this.#others].map((parent) => this.#list(parent));

  build() {
    this.append(
      this.#ownSection,
      this.#othersSection,
      make(RoomForm, this.chat),
    );
    this.addEventListener('keydown', (event) => this.#keyDown(event));
  }

  update() {
    const { store } = this.chat;
    if (store.roomsRevision !== this.#revision) {
      this.#revision = store.roomsRevision;
      this.#sorted = [...store.rooms.values()].sort(byTitle(new Intl.Collator(language, { numeric: true })));
    }
    this.#lists[0]?.show(this.#sorted.filter((room) => room.wanted));
    this.#lists[1]?.show(this.#sorted.filter((room) => !room.wanted && room.problem?.code !== 'no_such_room'));
    this.#ownSection.hidden = this.#own.childElementCount === 0;
    this.#othersSection.hidden = this.#others.childElementCount === 0;
  }

  /** Where the keyboard goes when the list is opened. */
  focus() {
    const link = this.querySelector('[aria-current="page"]') ?? this.querySelector('a');
    if (link instanceof HTMLElement) link.focus();
  }

  /**
   * @param {HTMLElement} parent
   * @returns {KeyedList<Room>}
   */
  #list(parent) {
    return new KeyedList(parent, {
      key: (room) => room.key,
      look: (room) => [this.chat.titleOf(room), room.wanted, this.#unread(room), room.key === this.chat.store.current, room.wanted ? '' : room.members].join('\n'),
      fill: (li, room) => this.#fill(li, room),
    });
  }

  /**
   * @param {HTMLLIElement} li
   * @param {Room} room
   */
  #fill(li, room) {
    const hadFocus = li.contains(document.activeElement);
    const unread = this.#unread(room);
    const current = room.key === this.chat.store.current;
    const link = h(
      'a',
      { href: hashOf(room.key), class: unread > 0 ? 'room unread' : 'room', 'aria-current': current ? 'page' : null, 'data-room': room.key, click: (event) => this.#choose(event, room) },
      jack(room.wanted),
      bdi(this.chat.titleOf(room), 'room-name'),
      unread > 0 && h('span', { class: 'badge' }, h('span', { 'aria-hidden': 'true' }, unread > 99 ? '99+' : formatNumber(unread)), h('span', { class: 'visually-hidden' }, t.unread(unread))),
      !room.wanted && room.members > 0 && h('span', { class: 'room-members' }, icon('person'), h('span', { 'aria-hidden': 'true' }, formatNumber(room.members)), h('span', { class: 'visually-hidden' }, t.peopleCount(room.members, formatNumber(room.members)))),
    );
    li.replaceChildren(link);
    if (hadFocus) link.focus();
  }

  /** The room that is looked at has its own way of saying what is new. @param {Room} room */
  #unread(room) {
    const seen = room.key === this.chat.store.current && document.visibilityState === 'visible';
    return room.wanted && !seen ? room.unread : 0;
  }

  /**
   * @param {MouseEvent} event
   * @param {Room} room
   */
  #choose(event, room) {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return; // a new tab or window
    event.preventDefault();
    this.chat.session.show(room.key);
    this.dispatchEvent(new CustomEvent('chosen', { bubbles: true }));
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    const links = [...this.querySelectorAll('a')];
    const at = links.findIndex((link) => link === document.activeElement);
    if (at < 0) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    links[Math.max(0, Math.min(to, links.length - 1))]?.focus();
  }
}

/**
 * The lobby first, then by title, as the page's language sorts.
 * @param {Intl.Collator} collator
 * @returns {(a: Room, b: Room) => number}
 */
function byTitle(collator) {
  return (a, b) => Number(b.key === LOBBY) - Number(a.key === LOBBY) || collator.compare(a.title, b.title);
}

customElements.define('room-list', RoomList);
