/** All about a conversation, and what can be done with it: a dialog. What cannot be taken back is asked again. */

import { explain, isolated, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { languageOf } from '../text/language.js';
import { titleProblem, topicProblem } from '../text/names.js';
import { ChatElement } from './chat-element.js';
import { bdi, h, setText } from './dom.js';
import { icon } from './icons.js';
import { sign } from './room-row.js';

/** @import { Room } from '../state/room.js' */

/** What is being done in the dialog. @typedef {'overview' | 'edit' | 'leave' | 'archive'} Step */

export class RoomDetails extends ChatElement {
  #dialog = h('dialog', { class: 'dialog details', 'aria-labelledby': 'details-title', close: () => this.#closed() });
  #problem = h('p', { class: 'problem', role: 'alert' });
  /** @type {Room | null} */
  #room = null;
  /** @type {Step} */
  #step = 'overview';
  #look = '';

  build() {
    this.append(this.#dialog);
    this.#dialog.addEventListener('click', (event) => { if (event.target === this.#dialog) this.#dialog.close(); });
  }

  /** @param {Room} room @param {Step} [step] */
  open(room, step = 'overview') {
    this.#room = room;
    this.#go(step);
    if (!this.#dialog.open) this.#dialog.showModal();
    if (step !== 'overview') this.#focusFirst();
  }

  /** Another name or topic is shown at once; what is being written is not disturbed. */
  update() {
    if (this.#room === null || this.#step === 'edit') return;
    const { topic, manage, muted, archived, persons, wanted } = this.#room;
    if (!wanted) {
      this.#dialog.close();
      return;
    }
    const look = [this.#step, this.chat.titleOf(this.#room), topic, manage, muted, archived, persons.length].join('\n');
    if (look === this.#look) return;
    this.#look = look;
    const focused = this.#dialog.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.act : undefined;
    this.#show();
    if (focused !== undefined) /** @type {HTMLElement | null} */ (this.#dialog.querySelector(`[data-act="${focused}"]`))?.focus();
  }

  #closed() {
    this.#room = null;
    this.#dialog.replaceChildren();
  }

  /** @param {Step} step */
  #go(step) {
    this.#step = step;
    this.#look = '';
    setText(this.#problem, '');
    if (step === 'edit') this.#show();
    else this.update();
    // What had the focus may have gone.
    if (this.#dialog.open && !this.#dialog.contains(document.activeElement)) /** @type {HTMLElement | null} */ (this.#dialog.querySelector('.field, [data-act], .button'))?.focus();
  }

  #show() {
    const room = this.#room;
    if (room === null) return;
    const title = this.chat.titleOf(room);
    const contents = { overview: () => this.#overview(room), edit: () => this.#form(room), leave: () => this.#leaving(room, title), archive: () => this.#archiving(title) }[this.#step]();
    this.#dialog.replaceChildren(
      h(
        'div',
        { class: 'dialog-head' },
        h('h2', { id: 'details-title', class: 'details-title' }, sign(this.chat, room, this.chat.store.present()), bdi(title, 'room-name')),
        h('button', { type: 'button', class: 'icon-button', 'aria-label': t.close, title: t.close, click: () => this.#dialog.close() }, icon('close')),
      ),
      ...contents,
      this.#problem,
    );
  }

  /** @param {Room} room */
  #overview(room) {
    const { kind, topic, manage, archived, muted, member } = room;
    const nature = { public: t.isPublic, private: t.isPrivate, direct: t.isDirect }[kind];
    const isLobby = room.key === 'lobby';
    const act = (/** @type {string} */ name, /** @type {string} */ picture, /** @type {string} */ label, /** @type {() => void} */ click, danger = false) => h(
      'button', { type: 'button', class: danger ? 'menu-item danger' : 'menu-item', 'data-act': name, click }, icon(picture), h('span', {}, label),
    );
    return [
      topic !== '' && h('p', { class: 'details-topic', dir: 'auto', lang: languageOf(topic) }, topic),
      h('p', { class: 'settings-text' }, archived ? `${nature} ${t.isArchived}` : nature),
      h(
        'div',
        { class: 'details-acts' },
        member && h('label', { class: 'menu-item check-item' }, icon('bellOff'), h('span', {}, t.mute, h('span', { class: 'hint' }, t.muteHint)), h('input', { type: 'checkbox', role: 'switch', 'data-act': 'mute', checked: muted, change: (event) => this.#mute(room, event.target) })),
        room.seq > 0 && act('date', 'calendar', t.jumpToDate, () => this.#hand('ask-date', room)),
        kind === 'private' && member && !archived && act('invite', 'person', t.invite, () => this.#hand('pick', room)),
        manage && kind !== 'direct' && act('edit', 'pencil', isLobby ? t.editTopic : t.editRoom, () => { this.#go('edit'); this.#focusFirst(); }),
        manage && kind !== 'direct' && !isLobby && act('archive', 'archive', archived ? t.unarchive : t.archive, () => { if (archived) this.#try((session) => session.archive(room, false)); else { this.#go('archive'); this.#focusFirst(); } }),
        act('leave', 'leave', kind === 'direct' ? t.hideDirect : t.leaveRoom, () => { if (kind === 'private') { this.#go('leave'); this.#focusFirst(); } else this.#leave(room); }, kind === 'private'),
      ),
    ].filter((child) => child !== false);
  }

  /** @param {Room} room */
  #form(room) {
    const isLobby = room.key === 'lobby';
    const title = h('input', { id: 'details-name', class: 'field', type: 'text', autocomplete: 'off', dir: 'auto' });
    const topic = h('textarea', { id: 'details-topic', class: 'field', rows: 3, dir: 'auto', placeholder: t.topicPlaceholder });
    title.value = room.title;
    topic.value = room.topic;
    return [h(
      'form',
      { class: 'details-form', novalidate: true, submit: (event) => { event.preventDefault(); this.#save(room, isLobby ? room.title : title.value.trim(), topic.value.trim()); } },
      ...(isLobby ? [] : [h('label', { class: 'label', for: 'details-name' }, t.roomTitleLabel), title]),
      h('label', { class: 'label', for: 'details-topic' }, t.topic),
      topic,
      h('div', { class: 'row' }, h('button', { type: 'submit', class: 'button primary small' }, t.save), this.#cancel()),
    )];
  }

  /** @param {Room} room @param {string} title */
  #leaving(room, title) {
    return [
      h('p', { class: 'settings-text' }, t.leaveQuestion(isolated(title))),
      h('div', { class: 'row' }, h('button', { type: 'button', class: 'button small danger', click: () => this.#leave(room) }, t.leaveRoom), this.#cancel()),
    ];
  }

  /** @param {string} title */
  #archiving(title) {
    return [
      h('p', { class: 'settings-text' }, t.archiveQuestion(isolated(title))),
      h('div', { class: 'row' }, h('button', { type: 'button', class: 'button small danger', click: () => this.#try((session, room) => session.archive(room, true)) }, t.archive), this.#cancel()),
    ];
  }

  #cancel() {
    return h('button', { type: 'button', class: 'button small', click: () => this.#go('overview') }, t.cancel);
  }

  /**
   * @param {Room} room
   * @param {string} title
   * @param {string} topic
   */
  #save(room, title, topic) {
    const code = titleProblem(title, this.chat.store.limits.room) ?? topicProblem(topic);
    if (code !== null) {
      setText(this.#problem, explain({ code, sentence: '' }));
      return;
    }
    this.#try(async (session) => {
      if (title !== room.title) await session.rename(room, title);
      if (topic !== room.topic) await session.setTopic(room, topic);
    });
  }

  /** Asks for something, and goes back to the overview, or says why not. @param {(session: import('../net/conversations.js').Conversations, room: Room) => Promise<unknown>} ask */
  async #try(ask) {
    const [room, step] = [this.#room, this.#step];
    if (room === null) return;
    try {
      await ask(this.chat.session.conversations, room);
      // Whoever has gone on to something else meanwhile stays there.
      if (this.#room === room && this.#step === step) this.#go('overview');
    } catch (error) {
      setText(this.#problem, explain(error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' }));
    }
  }

  /** @param {Room} room @param {HTMLInputElement} toggle */
  async #mute(room, toggle) {
    await this.#try((session) => session.mute(room, toggle.checked));
    // If the server has refused it, the switch goes back.
    toggle.checked = room.muted;
  }

  /** @param {Room} room */
  #leave(room) {
    this.#dialog.close();
    this.chat.session.leave(room);
    this.dispatchEvent(new CustomEvent('chosen', { bubbles: true }));
  }

  /** Goes on elsewhere. @param {string} type @param {Room} room */
  #hand(type, room) {
    this.#dialog.close();
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, detail: room }));
  }

  #focusFirst() {
    /** @type {HTMLElement | null} */ (this.#dialog.querySelector('.field, .button'))?.focus();
  }
}

customElements.define('room-details', RoomDetails);
