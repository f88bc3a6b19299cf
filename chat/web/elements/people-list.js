/** Who is in the room, and the way out of it. */

import { explain, isolated, language, t } from '../i18n/index.js';
import { formatNumber } from '../i18n/dates.js';
import { avatar } from './avatar.js';
import { ChatElement, make } from './chat-element.js';
import { bdi, h, setText } from './dom.js';
import { icon } from './icons.js';
import { PersonMenu } from './person-menu.js';
import { VirtualList } from './virtual-list.js';

/** About the height of a row, in pixels. */
const HEIGHT_GUESS = 40;

/** @type {readonly string[]} */
const NOBODY = [];

export class PeopleList extends ChatElement {
  #heading = h('h2', { class: 'panel-title' });
  #people = h('ul', { class: 'people', role: 'list' });
  #more = h('p', { class: 'hint', hidden: true });
  #problem = h('p', { class: 'problem', role: 'alert' });
  #leave = h('button', { type: 'button', class: 'quiet-button leave', click: () => this.#leaveRoom() }, icon('leave'), t.leaveRoom);
  /** @type {readonly string[]} */
  #shown = NOBODY;
  #shownSelf = '';
  /** @type {ReadonlySet<string> | null} */
  #shownAway = null;
  /** For administrators. @type {PersonMenu | null} */
  #menu = null;
  /** @type {unknown} */
  #shownRole = null;
  #foot = h('footer', { class: 'panel-foot' });
  // What scrolls can be reached by keyboard, also when there is nothing in it to press.
  #scroller = h('div', { class: 'panel-scroll', tabindex: 0, role: 'group', 'aria-label': t.people }, this.#heading, this.#people, this.#more);
  /** @type {VirtualList<string>} */
  #list = new VirtualList(this.#scroller, this.#people, {
    guess: HEIGHT_GUESS,
    counted: true,
    key: (name) => name,
    look: (name) => `${this.#isModerated(name)} ${name === this.chat.store.name} ${this.chat.store.away.has(name)}`,
    fill: (li, name) => {
      li.className = 'person';
      const isAway = this.chat.store.away.has(name);
      li.dataset.presence = isAway ? 'away' : 'online';
      li.replaceChildren(avatar(name), bdi(name, 'person-name'), ...(name === this.chat.store.name ? [h('span', { class: 'tag' }, t.you)] : []), isAway ? h('span', { class: 'tag' }, t.away) : h('span', { class: 'visually-hidden' }, t.isOnline),
        ...(this.#isModerated(name) ? [h('button', { type: 'button', class: 'icon-button moderate', 'aria-label': t.moderate(isolated(name)), title: t.moderate(name), click: () => this.#menu?.open(name) }, icon('more'))] : []));
    },
  });

  build() {
    this.#menu = make(PersonMenu, this.chat);
    this.#foot.append(this.#problem, this.#leave);
    this.append(this.#scroller, this.#foot, this.#menu);
  }

  attached() {
    this.#list.follow((target, type, listener, options) => this.listen(target, type, listener, options), (end) => this.whileConnected(end));
  }

  update() {
    const { store } = this.chat;
    const room = store.currentRoom;
    this.#showPeople(room === null || !room.loaded ? NOBODY : room.people);
    setText(this.#heading, room === null || !room.loaded ? t.people : `${t.people} · ${formatNumber(room.members)}`);
    const more = room === null || !room.loaded ? 0 : room.members - this.#list.length;
    setText(this.#more, t.morePeople(formatNumber(more)));
    this.#more.hidden = more <= 0;
    this.#foot.hidden = room === null || !room.wanted;
    setText(this.#problem, room?.problem?.about === 'leave' ? explain(room.problem) : '');
  }

  /**
   * Oneself first, then by name, as the page's language sorts.
   * @param {readonly string[]} people
   */
  #showPeople(people) {
    const { name: self, away, self: me } = this.chat.store;
    if (people === this.#shown && self === this.#shownSelf && away === this.#shownAway && me?.role === this.#shownRole) return;
    this.#shownRole = me?.role;
    this.#shownAway = away;
    this.#shown = people;
    this.#shownSelf = self;
    const collator = new Intl.Collator(language, { numeric: true });
    const names = [...new Set(people)].sort((a, b) => Number(b === self) - Number(a === self) || collator.compare(a, b));
    this.#list.show(names);
    this.#list.arrange(() => this.#list.scrolled);
  }

  /** @param {string} name */
  #isModerated(name) {
    const { self, name: own } = this.chat.store;
    return self?.role === 'admin' && name !== own;
  }

  #leaveRoom() {
    const room = this.chat.store.currentRoom;
    if (room === null) return;
    this.chat.session.leave(room);
    this.dispatchEvent(new CustomEvent('chosen', { bubbles: true }));
  }
}

customElements.define('people-list', PeopleList);
