/** Somebody, and what one can do: talk to them, mention them; and what who manages the room, or the server, can do about them. What hurts is asked again, and another name is asked for. */

import { explain, isolated, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { nameProblem } from '../text/names.js';
import { ChatElement } from './chat-element.js';
import { bdi, h, setText } from './dom.js';
import { icon } from './icons.js';
import { face, lastSeen, presenceOf, presenceWord } from './room-row.js';

/** @import { Addressee } from '../net/frames.js' */

/** For so many minutes somebody is silent. */
const MUTE_MINUTES = 10;

export class PersonMenu extends ChatElement {
  #title = h('h2', { id: 'person-menu-title', class: 'details-title' });
  #acts = h('div', { class: 'details-acts' });
  #problem = h('p', { id: 'person-menu-problem', class: 'problem', role: 'alert' });
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
    // In a public room it is a name that is there; what is known of the number may be older.
    const shown = store.currentRoom?.kind === 'public' ? { name } : person;
    const presence = presenceOf(this.chat, shown, store.present());
    const where = lastSeen(this.chat, shown) ?? presenceWord(presence);
    this.#title.replaceChildren(face(name, presence), bdi(name, 'room-name'), ...(where === '' ? [] : [h('span', { class: 'tag' }, where)]));
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
        h('button', { type: 'button', class: 'menu-item', 'data-act': 'rename', click: () => this.#rename(person) }, icon('pencil'), h('span', {}, t.renamePerson)),
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
    const back = () => this.#back(person, type);
    const confirm = h('button', { type: 'button', class: 'button small danger', 'data-confirm': type, 'aria-describedby': 'person-menu-question', click: () => this.#try(act) }, label);
    this.#acts.replaceChildren(h('div', { class: 'act-question' },
      h('p', { id: 'person-menu-question', class: 'settings-text' }, question),
      h('div', { class: 'row' }, confirm, h('button', { type: 'button', class: 'button small', click: back }, t.cancel))));
    confirm.focus();
  }

  /** Asks for another name. @param {Addressee} person */
  #rename(person) {
    const { id, name } = person;
    setText(this.#problem, '');
    const input = h('input', { id: 'person-name', class: 'field', type: 'text', autocomplete: 'off', autocapitalize: 'words', spellcheck: 'false', enterkeyhint: 'done', dir: 'auto', required: true, 'aria-describedby': 'person-menu-problem' });
    input.value = name;
    const submit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const to = input.value.trim();
      const code = nameProblem(to, this.chat.store.limits.name);
      if (code === null) this.#try(() => this.chat.session.ask({ type: 'rename_person', ...(id === undefined ? { name } : { person: id }), to }).catch(aboutOthers));
      else this.#fail({ code, sentence: '' });
    };
    this.#acts.replaceChildren(h('form', { class: 'details-form act-form', novalidate: true, submit },
      h('label', { class: 'label', for: 'person-name' }, t.newNameOf(isolated(name))),
      input,
      h('div', { class: 'row' },
        h('button', { type: 'submit', class: 'button primary small' }, t.save),
        h('button', { type: 'button', class: 'button small', click: () => this.#back(person, 'rename') }, t.cancel))));
    input.select();
  }

  /** To what else one can do. @param {Addressee} person @param {string} from the act that one has looked at */
  #back(person, from) {
    setText(this.#problem, '');
    this.#acts.replaceChildren(...this.#deeds(person));
    /** @type {HTMLElement | null} */ (this.#acts.querySelector(`[data-act=${from}]`))?.focus();
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
      this.#fail(error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' });
    }
  }

  /** @param {import('../state/store.js').Problem} problem */
  #fail(problem) {
    setText(this.#problem, explain(problem));
    const field = this.#acts.querySelector('input');
    field?.setAttribute('aria-invalid', 'true');
    field?.focus();
  }
}

/** What is said of a name that one wants oneself is not for who gives it to somebody. @param {unknown} error */
function aboutOthers(error) {
  if (error instanceof Refusal) error.takenName = undefined;
  throw error;
}

customElements.define('person-menu', PersonMenu);
