/** Chooses people by their names: to talk to, or to invite into a private room. Who is not offered can be named all the same. */

import { explain, isolated, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { matchNames } from '../state/finder.js';
import { nameProblem } from '../text/names.js';
import { ChatElement } from './chat-element.js';
import { Combobox } from './combobox.js';
import { bdi, h, setText } from './dom.js';
import { icon } from './icons.js';
import { face, presenceOf } from './room-row.js';

/** @import { Room } from '../state/room.js' */

/** As many as the server lets into a direct conversation, besides oneself. */
const CHOSEN_MAX = 8;

/** So many are offered. */
const OFFERED_MAX = 8;

export class PeoplePicker extends ChatElement {
  #title = h('h2', { id: 'picker-title' });
  #text = h('p', { class: 'settings-text' });
  #chosenList = h('ul', { class: 'chosen', role: 'list', 'aria-label': t.chosen });
  /** @type {Combobox<string>} */
  #field = new Combobox({ prefix: 'picker', label: t.nameOfPerson, placeholder: t.nameOfPerson, listLabel: t.people, enterKey: 'next' }, (name) => this.#choose(name));
  #problem = h('p', { class: 'problem', role: 'alert' });
  #done = h('button', { type: 'submit', class: 'button primary' });
  #form = h('form', { class: 'picker', novalidate: true, submit: (event) => { event.preventDefault(); this.#submit(); } }, this.#text, this.#chosenList, this.#field.input, this.#field.list, this.#problem, h('div', { class: 'row' }, this.#done));
  #dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'picker-title', close: () => this.#dialog.replaceChildren() });
  /** Into which room they are invited; null: they are talked to. @type {Room | null} */
  #room = null;
  /** @type {string[]} */
  #chosen = [];

  build() {
    this.append(this.#dialog);
    this.#field.input.addEventListener('input', () => this.#search());
    this.#field.input.addEventListener('keydown', (event) => this.#keyDown(event));
    this.#field.composition.guard(this.#dialog);
  }

  /** @param {Room | null} room into which they are invited; null: they are talked to */
  open(room) {
    this.#room = room;
    this.#chosen = [];
    setText(this.#title, room === null ? t.newDirect : t.inviteTo(isolated(room.title)));
    setText(this.#text, room === null ? t.newDirectText : t.inviteText);
    setText(this.#done, room === null ? t.talk : t.invite);
    setText(this.#problem, '');
    this.#field.input.value = '';
    this.#dialog.replaceChildren(
      h('div', { class: 'dialog-head' }, this.#title,
        h('button', { type: 'button', class: 'icon-button', 'aria-label': t.close, title: t.close, click: () => this.#dialog.close() }, icon('close'))),
      this.#form,
    );
    this.#dialog.showModal();
    this.#search();
    this.#showChosen();
    this.#field.input.focus();
  }

  #search() {
    this.#showDone();
    const { store } = this.chat;
    const taken = new Set([store.name, ...this.#chosen, ...(this.#room?.persons ?? []).map(({ name }) => name)]);
    const { text } = this.#field;
    const offered = matchNames(text, store.names().filter((name) => !taken.has(name)), OFFERED_MAX);
    // Whoever is not known here may be known to the server, by exactly this name.
    if (text !== '' && !taken.has(text) && !offered.includes(text)) offered.push(text);
    const present = store.present();
    const options = offered.map((name) => ({ value: name, content: [face(name, presenceOf(this.chat, { name }, present)), bdi(name, 'room-name')] }));
    this.#field.offer(options, text === '' || offered.length === 0 ? -1 : 0);
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    if (this.#field.composition.owns(event)) return;
    const { text } = this.#field;
    if (event.key === 'Backspace' && this.#field.input.value === '') {
      this.#chosen.pop();
      this.#showChosen();
      this.#search();
    } else if (!this.#field.takes(event) && event.key === 'Enter' && text !== '') {
      event.preventDefault();
      this.#choose(text);
    }
  }

  /** @param {string} name */
  #choose(name) {
    const code = this.#room === null && this.#chosen.length >= CHOSEN_MAX ? 'too_many_people' : nameProblem(name, this.chat.store.limits.name);
    setText(this.#problem, code === null ? '' : explain({ code, sentence: '' }));
    if (code !== null) return;
    if (!this.#chosen.includes(name)) this.#chosen.push(name);
    this.#field.input.value = '';
    this.#showChosen();
    this.#search();
    this.#field.input.focus();
  }

  /** What is written counts as chosen when one goes on. */
  #showDone() {
    this.#done.setAttribute('aria-disabled', String(this.#chosen.length === 0 && this.#field.text === ''));
  }

  #showChosen() {
    this.#chosenList.hidden = this.#chosen.length === 0;
    this.#showDone();
    this.#chosenList.replaceChildren(...this.#chosen.map((name) => h(
      'li', {},
      h('button', { type: 'button', class: 'chip', 'aria-label': t.unchoose(isolated(name)), title: t.unchoose(name), click: () => { this.#chosen = this.#chosen.filter((each) => each !== name); this.#showChosen(); this.#search(); this.#field.input.focus(); } }, bdi(name), icon('close')),
    )));
  }

  async #submit() {
    const { text } = this.#field;
    if (text !== '') this.#choose(this.#field.pointed ?? text);
    if (this.#chosen.length === 0 || this.#field.input.value !== '') return;
    const room = this.#room;
    try {
      if (room === null) await this.chat.talkTo(this.#chosen.map((name) => this.chat.addressee(name)));
      else await this.#invite(room);
      this.#dialog.close();
      if (room === null) this.dispatchEvent(new CustomEvent('chosen', { bubbles: true }));
    } catch (error) {
      setText(this.#problem, explain(error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' }));
    }
  }

  /** One after the other: who has been invited is not named any more when another one cannot be. @param {Room} room */
  async #invite(room) {
    for (const name of [...this.#chosen]) {
      await this.chat.session.conversations.invite(room, this.chat.addressee(name));
      this.#chosen.shift();
      this.#showChosen();
    }
  }
}

customElements.define('people-picker', PeoplePicker);
