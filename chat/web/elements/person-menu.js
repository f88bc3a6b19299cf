/** Somebody, and what one can do: talk to them, mention them; and what who manages the room, or the server, can do about them. What hurts is asked again. */

import { explain, isolated, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { ChatElement } from './chat-element.js';
import { bdi, h, setText } from './dom.js';
import { icon } from './icons.js';
import { face, presenceOf } from './room-row.js';

/** @import { Addressee } from '../net/frames.js' */

/** For so many minutes somebody is silent. */
const MUTE_MINUTES = 10;

export class PersonMenu extends ChatElement {
  #title = h('h2', { id: 'person-menu-title', class: 'details-title' });
  #acts = h('div', { class: 'details-acts' });
  #problem = h('p', { class: 'problem', role: 'alert' });
  #dialog = h('dialog', { class: 'dialog details', 'aria-labelledby': 'person-menu-title' });
  #name = '';

  build() {
    this.#dialog.append(
      h('div', { class: 'dialog-head' }, this.#title,
        h('button', { type: 'button', class: 'icon-button', 'aria-label': t.close, title: t.close, click: () => this.#dialog.close() }, icon('close'))),
      this.#acts,
      this.#problem,
    );
    this.#dialog.addEventListener('click', (event) => { if (event.target === this.#dialog) this.#dialog.close(); });
    // While it is needed.
    this.#dialog.addEventListener('close', () => this.#dialog.remove());
  }

  /** @param {Addressee} person */
  open(person) {
    const { name } = person;
    this.#name = name;
    const { store } = this.chat;
    const presence = presenceOf(this.chat, name, store.present());
    this.#title.replaceChildren(face(name, presence), bdi(name, 'room-name'), h('span', { class: 'tag' }, t.presence[presence]));
    setText(this.#problem, '');
    this.#acts.replaceChildren(...this.#deeds(person));
    this.append(this.#dialog);
    this.#dialog.showModal();
  }

  /** @param {Addressee} person */
  #deeds(person) {
    const { id, name } = person;
    const { self, currentRoom: room } = this.chat.store;
    const { conversations } = this.chat.session;
    const act = (/** @type {string} */ type, /** @type {string} */ picture, /** @type {string} */ label, /** @type {() => unknown} */ click) => h(
      'button', { type: 'button', class: 'menu-item', 'data-act': type, click: () => this.#try(click) }, icon(picture), h('span', {}, label),
    );
    const hurt = (/** @type {string} */ type, /** @type {string} */ picture, /** @type {string} */ label, /** @type {string} */ question, /** @type {() => unknown} */ click) => h(
      'button', { type: 'button', class: 'menu-item danger', 'data-act': type, click: () => this.#confirm(person, type, label, question, click) }, icon(picture), h('span', {}, label),
    );
    const moderate = (/** @type {'unmute' | 'kick' | 'ban'} */ type) => () => this.chat.session.ask({ type, name });
    return [
      ...(self === null || room?.kind === 'direct' && this.chat.others(room).length === 1 ? [] : [act('talk', 'message', t.talk, () => this.chat.talkTo([person]).then(() => this.#hand('chosen')))]),
      ...(room === null || room.archived ? [] : [act('mention', 'pencil', t.mentionPerson, () => this.#hand('mention'))]),
      ...(room?.kind === 'private' && room.manage && id !== undefined ? [hurt('remove', 'leave', t.removePerson, t.removeQuestion(isolated(name), isolated(room.title)), () => conversations.remove(room, id))] : []),
      ...(self?.role !== 'admin' ? [] : [
        h('p', { class: 'hint act-hint' }, t.moderateText),
        act('mute', 'clock', t.mutePerson(MUTE_MINUTES), () => this.chat.session.ask({ type: 'mute', name, minutes: MUTE_MINUTES })),
        act('unmute', 'message', t.unmutePerson, moderate('unmute')),
        hurt('kick', 'leave', t.kickPerson, t.kickQuestion(isolated(name)), moderate('kick')),
        hurt('ban', 'alert', t.banPerson, t.banQuestion(isolated(name)), moderate('ban')),
      ]),
    ];
  }

  /**
   * @param {Addressee} person
   * @param {string} type
   * @param {string} label
   * @param {string} question
   * @param {() => unknown} act
   */
  #confirm(person, type, label, question, act) {
    setText(this.#problem, '');
    const back = () => {
      setText(this.#problem, '');
      this.#acts.replaceChildren(...this.#deeds(person));
      /** @type {HTMLElement | null} */ (this.#acts.querySelector(`[data-act=${type}]`))?.focus();
    };
    const confirm = h('button', { type: 'button', class: 'button small danger', 'data-confirm': type, 'aria-describedby': 'person-menu-question', click: () => this.#try(act) }, label);
    this.#acts.replaceChildren(h('div', { class: 'act-question' },
      h('p', { id: 'person-menu-question', class: 'settings-text' }, question),
      h('div', { class: 'row' }, confirm, h('button', { type: 'button', class: 'button small', click: back }, t.cancel))));
    confirm.focus();
  }

  /** @param {'mention' | 'chosen'} type */
  #hand(type) {
    this.#dialog.close();
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, detail: this.#name }));
  }

  /** @param {() => unknown} act */
  async #try(act) {
    try {
      await act();
      this.#dialog.close();
    } catch (error) {
      setText(this.#problem, explain(error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' }));
    }
  }
}

customElements.define('person-menu', PersonMenu);
