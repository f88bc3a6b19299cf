/** The conversations: rooms, private ones, and those with people, with what is unread in each; then rooms one could enter, and what is closed. */

import { language, t } from '../i18n/index.js';
import { formatNumber } from '../i18n/dates.js';
import { LOBBY } from '../net/session.js';
import { hashOf } from '../state/address.js';
import { ChatElement, make } from './chat-element.js';
import { h, setText } from './dom.js';
import { icon } from './icons.js';
import { RoomForm } from './room-form.js';
import { fillRow, presenceOf } from './room-row.js';
import { VirtualList } from './virtual-list.js';

/** @import { Presence } from '../net/frames.js' */
/** @import { Room } from '../state/room.js' */

/** About the height of a row, in pixels. */
const HEIGHT_GUESS = 42;

/** The keys that turn pages go on by so many rooms. */
const PAGE = 10;

/** @typedef {'own' | 'private' | 'direct' | 'others' | 'archived'} GroupName */

/** From the top down. @type {readonly GroupName[]} */
const GROUPS = ['own', 'private', 'direct', 'others', 'archived'];

/** @param {Room} room @returns {GroupName | null} where it stands */
function groupOf({ wanted, archived, kind, problem }) {
  if (!wanted && (kind !== 'public' || problem?.code === 'no_such_room')) return null;
  if (archived) return 'archived';
  if (kind !== 'public') return kind;
  return wanted ? 'own' : 'others';
}

/** A part of the list, with its heading. */
class Group {
  list = h('ul', { class: 'rooms', role: 'list' });
  section;
  heading;
  /** @type {VirtualList<Room>} */
  rows;
  /** @type {Room[]} */
  rooms = [];

  /**
   * @param {GroupName} name
   * @param {Node | string} title
   * @param {Node | null} action stands beside the title
   * @param {(list: HTMLElement) => VirtualList<Room>} rows
   */
  constructor(name, title, action, rows) {
    this.heading = h('h2', { id: `rooms-${name}`, class: 'panel-title' }, title);
    this.section = h('section', { 'data-group': name, 'aria-labelledby': `rooms-${name}` }, action === null ? this.heading : h('div', { class: 'panel-title-row' }, this.heading, action), this.list);
    this.rows = rows(this.list);
  }
}

export class RoomList extends ChatElement {
  /** @type {Map<GroupName, Group>} */
  #groups = new Map();
  /** @type {Room[]} */
  #sorted = [];
  #revision = -1;
  /** @type {ReadonlyMap<string, Presence>} */
  #present = new Map();
  /** The key of the room whose link is the one that Tab leads to; the arrow keys lead to the others. */
  #stop = '';
  /** The keys of all rooms from top to bottom. @type {string[]} */
  #order = [];
  #showsArchived = false;
  #archivedTitle = h('span');
  #archivedToggle = h('button', { type: 'button', class: 'fold', 'aria-expanded': 'false', click: () => { this.#showsArchived = !this.#showsArchived; this.update(); } }, icon('archive'), this.#archivedTitle);
  #write = h('button', { type: 'button', class: 'icon-button small-button', 'aria-label': t.newDirect, title: t.newDirect, click: () => this.dispatchEvent(new CustomEvent('pick', { bubbles: true, detail: null })) }, icon('plus'));

  build() {
    // Everything beside the lists scrolls with them.
    const scroller = /** @type {HTMLElement} */ (this.parentElement);
    const titles = { own: t.yourRooms, private: t.privateRooms, direct: t.directs, others: t.otherRooms, archived: this.#archivedToggle };
    for (const name of GROUPS) this.#groups.set(name, new Group(name, titles[name], name === 'direct' ? this.#write : null, (list) => this.#rows(scroller, list)));
    this.append(...[...this.#groups.values()].map(({ section }) => section), make(RoomForm, this.chat));
    this.addEventListener('keydown', (event) => this.#keyDown(event));
    this.addEventListener('focusin', (event) => this.#focused(event));
  }

  attached() {
    for (const { rows } of this.#groups.values()) {
      rows.follow((target, type, listener, options) => this.listen(target, type, listener, options), (end) => this.whileConnected(end));
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
    for (const group of this.#groups.values()) group.rooms = [];
    for (const room of this.#sorted) {
      const name = groupOf(room);
      if (name !== null) this.#groups.get(name)?.rooms.push(room);
    }
    const direct = this.#groups.get('direct')?.rooms ?? [];
    direct.sort((a, b) => b.activeAt - a.activeAt || a.rank - b.rank);
    if (direct.length > 0) this.#present = store.present();
    this.#showArchived();
    for (const [name, { section, rooms, rows, list }] of this.#groups) {
      section.hidden = rooms.length === 0 && (name !== 'direct' || store.self === null);
      const shown = list.hidden ? [] : rooms;
      rows.show(shown);
      rows.arrange(() => rows.scrolled);
    }
    this.#order = [...this.#groups.values()].flatMap(({ rooms, list }) => (list.hidden ? [] : rooms.map(({ key }) => key)));
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
    const own = /** @type {const} */ (['own', 'private', 'direct']).flatMap((name) => this.#groups.get(name)?.rooms ?? []);
    const at = own.findIndex((room) => room.key === this.chat.store.current);
    for (let i = 1; i <= own.length; i += 1) {
      const room = own.at((Math.max(at, step > 0 ? -1 : 0) + step * i) % own.length);
      if (room !== undefined && room.key !== this.chat.store.current && (!unread || (room.unread > 0 && !room.muted))) return room.key;
    }
    return null;
  }

  #showArchived() {
    const { list, rooms } = /** @type {Group} */ (this.#groups.get('archived'));
    const isOpen = this.#showsArchived || rooms.some(({ key }) => key === this.chat.store.current);
    setText(this.#archivedTitle, `${t.archivedRooms} · ${formatNumber(rooms.length)}`);
    this.#archivedToggle.setAttribute('aria-expanded', String(isOpen));
    list.hidden = !isOpen;
  }

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} parent
   * @returns {VirtualList<Room>}
   */
  #rows(scroller, parent) {
    return new VirtualList(scroller, parent, {
      guess: HEIGHT_GUESS,
      counted: true,
      key: (room) => room.key,
      look: (room) => {
        const { wanted, key, members, mentions, muted, kind, invitedBy } = room;
        const present = kind !== 'direct' ? '' : this.chat.others(room).map((person) => presenceOf(this.chat, person, this.#present));
        return [this.chat.titleOf(room), wanted, kind, this.#unread(room), mentions, muted, invitedBy, key === this.chat.store.current, wanted ? '' : members, present].join('\n');
      },
      fill: (li, room) => this.#fill(li, room),
    });
  }

  /**
   * @param {HTMLLIElement} li
   * @param {Room} room
   */
  #fill(li, room) {
    // Of all that is in the item only the link stays, and only it is pressed (see the styles): a press whose element goes
    // away before the release is no click.
    const link = li.querySelector('a') ?? h('a', { href: hashOf(room.key), 'data-room': room.key, click: (event) => this.#choose(event, room) });
    link.ariaCurrent = room.key === this.chat.store.current ? 'page' : null;
    fillRow(link, this.chat, room, this.#unread(room), this.#present);
    if (link.parentNode === null) li.append(link);
  }

  /** The room that is looked at has its own way of saying what is new. @param {Room} room */
  #unread(room) {
    const seen = room.key === this.chat.store.current && this.chat.attention.sees && !room.held;
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
    const group = [...this.#groups.values()].find(({ rows }) => rows.has(key));
    group?.rows.reveal(key)?.querySelector('a')?.focus({ preventScroll: true });
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
 * The lobby first, then by title, as the page's language sorts.
 * @param {Intl.Collator} collator
 * @returns {(a: Room, b: Room) => number}
 */
function byTitle(collator) {
  return (a, b) => Number(b.key === LOBBY) - Number(a.key === LOBBY) || collator.compare(a.title, b.title);
}

customElements.define('room-list', RoomList);
