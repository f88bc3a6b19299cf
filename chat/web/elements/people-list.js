/** Who is in the room, or belongs to it, and the way out of it. */

import { explain, language, t } from '../i18n/index.js';
import { formatNumber } from '../i18n/dates.js';
import { ChatElement, make } from './chat-element.js';
import { bdi, h, setText } from './dom.js';
import { icon } from './icons.js';
import { PersonMenu } from './person-menu.js';
import { face, lastSeen, presenceOf, presenceWord } from './room-row.js';
import { VirtualList } from './virtual-list.js';

/** @import { Addressee, Member, Presence } from '../net/frames.js' */

/** About the height of a row, in pixels. */
const HEIGHT_GUESS = 40;

/** @type {readonly string[]} */
const NOBODY = [];

export class PeopleList extends ChatElement {
  #heading = h('h2', { class: 'panel-title' });
  #people = h('ul', { class: 'people', role: 'list' });
  #more = h('p', { class: 'hint', hidden: true });
  #problem = h('p', { class: 'problem', role: 'alert' });
  #leave = h('button', { type: 'button', class: 'quiet-button leave', click: () => this.#leaveRoom() }, icon('leave'), h('span', {}, t.leaveRoom));
  /** @type {readonly (string | Member)[]} */
  #shown = NOBODY;
  #shownSelf = '';
  /** @type {ReadonlySet<string> | null} */
  #shownAway = null;
  /** @type {ReadonlyMap<string, Presence>} */
  #present = new Map();
  /** @type {PersonMenu | null} */
  #menu = null;
  #invite = h('button', { type: 'button', class: 'quiet-button invite', hidden: true, click: () => this.dispatchEvent(new CustomEvent('pick', { bubbles: true, detail: this.chat.store.currentRoom })) }, icon('plus'), t.invite);
  #foot = h('footer', { class: 'panel-foot' });
  // What scrolls can be reached by keyboard, also when there is nothing in it to press.
  #scroller = h('div', { class: 'panel-scroll', tabindex: 0, role: 'group', 'aria-label': t.people }, this.#heading, this.#people, this.#more);
  /** By name who is there; by number who belongs to it: guests may have one name. @type {VirtualList<Addressee>} */
  #list = new VirtualList(this.#scroller, this.#people, {
    guess: HEIGHT_GUESS,
    counted: true,
    key: ({ id, name }) => (id === undefined ? `name ${name}` : `person ${id}`),
    look: (person) => `${this.#isSelf(person)} ${person.name} ${presenceOf(this.chat, person, this.#present)} ${lastSeen(this.chat, person)}`,
    fill: (li, person) => {
      const { name } = person;
      li.className = 'person';
      const presence = presenceOf(this.chat, person, this.#present);
      const seen = lastSeen(this.chat, person);
      const isSelf = this.#isSelf(person);
      li.dataset.presence = presence;
      const said = h('span', { class: presence === 'away' ? 'tag' : 'visually-hidden' }, presenceWord(presence));
      const called = bdi(name, 'person-name');
      const contents = [face(name, presence), seen === null ? called : h('span', { class: 'person-lines' }, called, h('span', { class: 'tag' }, seen)), ...(isSelf ? [h('span', { class: 'tag' }, t.you)] : []), ...(seen === null ? [said] : [])];
      // Somebody whose presence changes keeps the focus.
      const button = li.querySelector('button');
      if (button?.title === t.aboutPerson(name) && !isSelf) button.replaceChildren(...contents);
      else li.replaceChildren(...(isSelf ? contents : [h('button', { type: 'button', class: 'person-button', 'aria-haspopup': 'dialog', title: t.aboutPerson(name), click: () => this.#menu?.open(person.id === undefined ? this.chat.addressee(name) : person) }, ...contents)]));
    },
  });

  build() {
    this.#menu = make(PersonMenu, this.chat);
    this.#foot.append(this.#problem, this.#invite, this.#leave);
    this.append(this.#scroller, this.#foot, this.#menu);
  }

  attached() {
    this.#list.follow((target, type, listener, options) => this.listen(target, type, listener, options), (end) => this.whileConnected(end));
  }

  update() {
    const { store } = this.chat;
    const room = store.currentRoom;
    // Who belongs to a private room, or to a conversation, is shown there or not; in a public one, who is there.
    const belong = room !== null && room.kind !== 'public' && room.persons.length > 0;
    this.#showPeople(room === null || !room.loaded ? NOBODY : belong ? room.persons : room.people);
    const count = room === null || !room.loaded ? 0 : belong ? room.persons.length : room.members;
    setText(this.#heading, count === 0 ? t.people : `${t.people} · ${formatNumber(count)}`);
    const more = count - this.#list.length;
    setText(this.#more, t.morePeople(formatNumber(more)));
    this.#more.hidden = more <= 0;
    this.#foot.hidden = room === null || !room.wanted;
    setText(this.#problem, room?.problem?.about === 'leave' ? explain(room.problem) : '');
    this.#invite.hidden = room === null || room.kind !== 'private' || !room.member || room.archived;
    setText(/** @type {Element} */ (this.#leave.lastElementChild), room?.kind === 'direct' ? t.hideDirect : t.leaveRoom);
  }

  /** @param {Addressee} person */
  #isSelf({ id, name }) {
    const { self, name: own } = this.chat.store;
    return id === undefined || self === null ? name === own : id === self.id;
  }

  /**
   * Oneself first, then by name, as the page's language sorts.
   * @param {readonly (string | Member)[]} people names of who is there, or who belongs to it
   */
  #showPeople(people) {
    const { store } = this.chat;
    const { name: self, away } = store;
    const isPublic = people === store.currentRoom?.people;
    if (people === this.#shown && self === this.#shownSelf && away === this.#shownAway && isPublic) return;
    this.#present = isPublic ? new Map(store.currentRoom?.people.map((name) => [name, away.has(name) ? 'away' : 'online'])) : store.present();
    this.#shownAway = away;
    this.#shown = people;
    this.#shownSelf = self;
    const collator = new Intl.Collator(language, { numeric: true });
    const rows = [...new Set(people)].map((each) => (typeof each === 'string' ? { name: each } : each));
    const isSelf = (/** @type {Addressee} */ person) => Number(this.#isSelf(person));
    rows.sort((a, b) => isSelf(b) - isSelf(a) || collator.compare(a.name, b.name));
    this.#list.show(rows);
    this.#list.arrange(() => this.#list.scrolled);
  }

  #leaveRoom() {
    const room = this.chat.store.currentRoom;
    if (room === null) return;
    if (room.kind === 'private') {
      this.dispatchEvent(new CustomEvent('details', { bubbles: true, detail: 'leave' }));
      return;
    }
    this.chat.session.leave(room);
    this.dispatchEvent(new CustomEvent('chosen', { bubbles: true }));
  }
}

customElements.define('people-list', PeopleList);
