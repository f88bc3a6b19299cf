/** The rooms: those one is in, with what is unread in each, and those one could enter. */

import { language, t } from '../i18n/index.js';
import { formatNumber } from '../i18n/dates.js';
import { LOBBY } from '../net/session.js';
import { hashOf } from '../state/address.js';
import { ChatElement, make } from './chat-element.js';
import { bdi, h } from './dom.js';
import { icon, jack } from './icons.js';
import { RoomForm } from './room-form.js';
import { VirtualList } from './virtual-list.js';

/** @import { Room } from '../state/room.js' */

/** About the height of a row, in pixels. */
const HEIGHT_GUESS = 42;

/** The keys that turn pages go on by so many rooms. */
const PAGE = 10;

export class RoomList extends ChatElement {
  #own = h('ul', { class: 'rooms', role: 'list' });
  #ownSection = h('section', { 'aria-labelledby': 'own-rooms' }, h('h2', { id: 'own-rooms', class: 'panel-title' }, t.yourRooms), this.#own);
  #others = h('ul', { class: 'rooms', role: 'list' });
  #othersSection = h('section', { 'aria-labelledby': 'other-rooms' }, h('h2', { id: 'other-rooms', class: 'panel-title' }, t.otherRooms), this.#others);
  /** @type {Room[]} */
  #sorted = [];
  #revision = -1;
  /** @type {[VirtualList<Room>, VirtualList<Room>] | null} */
  #lists = null;
  /** The key of the room whose link is the one that Tab leads to; the arrow keys lead to the others. */
  #stop = '';
  /** The keys of all rooms from top to bottom. @type {string[]} */
  #order = [];

  build() {
    // Everything beside the lists scrolls with them.
    const scroller = /** @type {HTMLElement} */ (this.parentElement);
    this.#lists = [this.#list(scroller, this.#own), this.#list(scroller, this.#others)];
    this.append(
      this.#ownSection,
      this.#othersSection,
      make(RoomForm, this.chat),
    );
    this.addEventListener('keydown', (event) => this.#keyDown(event));
    this.addEventListener('focusin', (event) => this.#focused(event));
  }

  attached() {
    for (const list of this.#lists ?? []) {
      list.follow((target, type, listener, options) => this.listen(target, type, listener, options), (end) => this.whileConnected(end));
    }
    // After the lists have followed.
    this.listen(/** @type {HTMLElement} */ (this.parentElement), 'scroll', () => this.#setStop(), { passive: true });
  }

  update() {
    const { store } = this.chat;
    if (store.roomsRevision !== this.#revision) {
      this.#revision = store.roomsRevision;
      this.#sorted = [...store.rooms.values()].sort(byTitle(new Intl.Collator(language, { numeric: true })));
    }
    const own = this.#sorted.filter((room) => room.wanted);
    const others = this.#sorted.filter((room) => !room.wanted && room.problem?.code !== 'no_such_room');
    this.#ownSection.hidden = own.length === 0;
    this.#othersSection.hidden = others.length === 0;
    [own, others].forEach((rooms, i) => {
      const list = this.#lists?.[i];
      list?.show(rooms);
      list?.arrange(() => list.scrolled);
    });
    this.#order = [...own, ...others].map(({ key }) => key);
    this.#setStop();
  }

  /** Where the keyboard goes when the list is opened. */
  focus() {
    const { current } = this.chat.store;
    this.#focusRoom(current !== null && this.#order.includes(current) ? current : this.#order[0] ?? '');
  }

  /**
   * The room of one's own that stands after the one that is shown, or before it; after the last comes the first.
   * @param {1 | -1} step
   * @param {boolean} unread only where there is something unread
   * @returns {string | null} its key
   */
  neighbour(step, unread) {
    const own = this.#sorted.filter((room) => room.wanted);
    const at = own.findIndex((room) => room.key === this.chat.store.current);
    for (let i = 1; i <= own.length; i += 1) {
      const room = own.at((Math.max(at, step > 0 ? -1 : 0) + step * i) % own.length);
      if (room !== undefined && room.key !== this.chat.store.current && (!unread || room.unread > 0)) return room.key;
    }
    return null;
  }

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} parent
   * @returns {VirtualList<Room>}
   */
  #list(scroller, parent) {
    return new VirtualList(scroller, parent, {
      guess: HEIGHT_GUESS,
      counted: true,
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
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.#order.indexOf(link.dataset.room ?? '');
    const last = this.#order.length - 1;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last, PageDown: at + PAGE, PageUp: at - PAGE }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    this.#focusRoom(this.#order[Math.max(0, Math.min(to, last))] ?? '');
  }

  /** @param {string} key */
  #focusRoom(key) {
    const list = this.#lists?.find((each) => each.has(key));
    list?.reveal(key)?.querySelector('a')?.focus({ preventScroll: true });
  }

  /** @param {FocusEvent} event */
  #focused(event) {
    const key = event.target instanceof HTMLElement ? event.target.dataset.room : undefined;
    if (key === undefined) return;
    this.#stop = key;
    this.#setStop();
  }

  /** Tab leads to one link only: the one that had the focus last, or the room that is shown, or the first that is in the document. */
  #setStop() {
    const links = [...this.querySelectorAll('a')];
    const { current } = this.chat.store;
    const stop = links.find((link) => link.dataset.room === this.#stop) ?? links.find((link) => link.dataset.room === current) ?? links[0];
    for (const link of links) link.tabIndex = link === stop ? 0 : -1;
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
