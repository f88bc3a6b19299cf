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
    const unread = this.#unread(room);
    // Of all that is in the item only the link stays, and only it is pressed (see the styles): a press whose element goes
    // away before the release is no click.
    const link = li.querySelector('a') ?? h('a', { href: hashOf(room.key), 'data-room': room.key, click: (event) => this.#choose(event, room) });
    link.className = unread > 0 ? 'room unread' : 'room';
    link.ariaCurrent = room.key === this.chat.store.current ? 'page' : null;
    link.replaceChildren(jack(room.wanted), bdi(this.chat.titleOf(room), 'room-name'));
    if (unread > 0) link.append(h('span', { class: 'badge' }, ...spoken(unread > 99 ? '99+' : formatNumber(unread), t.unread(unread))));
    if (!room.wanted && room.members > 0) {
      const count = formatNumber(room.members);
      link.append(h('span', { class: 'room-members' }, icon('person'), ...spoken(count, t.peopleCount(room.members, count))));
    }
    if (link.parentNode === null) li.append(link);
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
 * A number for the eye, and what it counts for the ear.
 * @param {string} shown
 * @param {string} said
 */
function spoken(shown, said) {
  return [h('span', { 'aria-hidden': 'true' }, shown), h('span', { class: 'visually-hidden' }, said)];
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
