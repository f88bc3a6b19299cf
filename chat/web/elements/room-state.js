/** Stands in the place of a conversation that cannot be shown: it is loading, empty, or refused. */

import { explain, isolated, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { LOBBY } from '../net/session.js';
import { isHidden } from '../state/address.js';
import { ChatElement } from './chat-element.js';
import { h } from './dom.js';
import { mark } from './icons.js';

/** @import { Room } from '../state/room.js' */

export class RoomState extends ChatElement {
  #look = '';
  #problem = '';

  update() {
    const room = this.chat.store.currentRoom;
    const state = this.#state(room);
    const look = [state, room?.key, room === null ? '' : this.chat.titleOf(room), room?.problem?.code, this.#problem].join('\n');
    if (look === this.#look) return;
    this.#look = look;
    this.hidden = state === 'conversation';
    this.dataset.state = state;
    this.replaceChildren(...this.#contents(state, room));
  }

  /** @param {Room | null} room */
  #state(room) {
    if (room === null) return 'none';
    if (room.problem?.about === 'join') return 'refused';
    if (!room.loaded) return 'loading';
    const empty = room.messages.length === 0 && !room.more && this.chat.outbox.of(room.key).length === 0;
    return empty ? 'empty' : 'conversation';
  }

  /**
   * @param {string} state
   * @param {Room | null} room
   */
  #contents(state, room) {
    switch (state) {
      case 'none': return [mark(), h('h2', {}, t.noRoom), h('p', {}, t.noRoomText), h('div', { class: 'row' }, this.#button(t.goToLobby, () => this.chat.session.show(LOBBY)))];
      case 'loading': return Array.from({ length: 5 }, () => h('div', { class: 'skeleton', 'aria-hidden': 'true' }, h('span'), h('span')));
      case 'empty': return [mark(), h('h2', {}, this.chat.beginning(/** @type {Room} */ (room))), h('p', {}, t.emptyRoom)];
      case 'refused': return this.#refused(/** @type {Room} */ (room));
      default: return [];
    }
  }

  /** @param {Room} room */
  #refused(room) {
    const problem = room.problem ?? { code: '', sentence: '' };
    if (problem.code === 'no_such_room' && isHidden(room.key)) {
      return [h('h2', {}, t.notYourRoom), h('p', { role: 'alert' }, t.notYourRoomText), h('div', { class: 'row' }, this.#button(t.goToLobby, () => this.chat.session.show(LOBBY)))];
    }
    if (problem.code !== 'no_such_room') {
      return [h('p', { role: 'alert' }, explain(problem)), this.#button(t.tryAgain, () => this.chat.session.show(room.key))];
    }
    return [
      h('h2', {}, t.noSuchRoom(isolated(room.title))),
      h('p', { role: 'alert' }, this.#problem || t.noSuchRoomText),
      h('div', { class: 'row' }, this.#button(t.goToLobby, () => this.chat.session.show(LOBBY)), this.#button(t.createThisRoom, () => this.#create(room))),
    ];
  }

  /** @param {Room} room */
  async #create(room) {
    try {
      this.chat.session.show(await this.chat.session.conversations.create(room.title));
      this.#problem = '';
    } catch (error) {
      this.#problem = explain(error instanceof Refusal ? error : { code: 'unanswered', sentence: '' });
    }
    this.update();
  }

  /**
   * @param {string} label
   * @param {() => void} click
   */
  #button(label, click) {
    return h('button', { type: 'button', class: 'button', click }, label);
  }
}

customElements.define('room-state', RoomState);
