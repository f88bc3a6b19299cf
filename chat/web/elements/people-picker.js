/** Chooses people by their names: to talk to, or to invite into a private room. Who is not offered can be named all the same. */

import { explain, isolated, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { matchNames } from '../state/finder.js';
import { nameProblem } from '../text/names.js';
import { ChatElement } from './chat-element.js';
import { CompositionWatch } from './composition.js';
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
  #input = h('input', {
    id: 'picker-input', class: 'field', type: 'text', role: 'combobox', 'aria-expanded': 'false', 'aria-controls': 'picker-list', 'aria-autocomplete': 'list',
    'aria-label': t.nameOfPerson, placeholder: t.nameOfPerson, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', dir: 'auto', enterkeyhint: 'next',
  });
  #list = h('ul', { id: 'picker-list', class: 'switcher-list', role: 'listbox', 'aria-label': t.people });
  #problem = h('p', { class: 'problem', role: 'alert' });
  #done = h('button', { type: 'submit', class: 'button primary' });
  #form = h('form', { class: 'picker', novalidate: true, submit: (event) => { event.preventDefault(); this.#submit(); } }, this.#text, this.#chosenList, this.#input, this.#list, this.#problem, h('div', { class: 'row' }, this.#done));
  #dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'picker-title', close: () => this.#dialog.replaceChildren() });
  #composition = new CompositionWatch(this.#input, navigator.userAgent);
  /** Into which room they are invited; null: they are talked to. @type {Room | null} */
  #room = null;
  /** @type {string[]} */
  #chosen = [];
  /** @type {string[]} */
  #offered = [];
  #at = -1;

  build() {
    this.append(this.#dialog);
    this.#input.addEventListener('input', () => this.#search());
    this.#input.addEventListener('compositionend', () => this.#search());
    this.#input.addEventListener('keydown', (event) => this.#keyDown(event));
    this.#dialog.addEventListener('cancel', (event) => { if (this.#composition.composing) event.preventDefault(); });
    this.#list.addEventListener('pointerdown', (event) => event.preventDefault());
  }

  /** @param {Room | null} room into which they are invited; null: they are talked to */
  open(room) {
    this.#room = room;
    this.#chosen = [];
    setText(this.#title, room === null ? t.newDirect : t.inviteTo(isolated(room.title)));
    setText(this.#text, room === null ? t.newDirectText : t.inviteText);
    setText(this.#done, room === null ? t.talk : t.invite);
    setText(this.#problem, '');
    this.#input.value = '';
    this.#dialog.replaceChildren(
      h('div', { class: 'dialog-head' }, this.#title,
        h('button', { type: 'button', class: 'icon-button', 'aria-label': t.close, title: t.close, click: () => this.#dialog.close() }, icon('close'))),
      this.#form,
    );
    this.#dialog.showModal();
    this.#search();
    this.#showChosen();
    this.#input.focus();
  }

  #search() {
    this.#showDone();
    const { store } = this.chat;
    const taken = new Set([store.name, ...this.#chosen, ...(this.#room?.persons ?? []).map(({ name }) => name)]);
    this.#offered = matchNames(this.#input.value, store.names().filter((name) => !taken.has(name)), OFFERED_MAX);
    // Whoever is not known here may be known to the server, by exactly this name.
    const written = this.#input.value.trim();
    if (written !== '' && !taken.has(written) && !this.#offered.includes(written)) this.#offered.push(written);
    const present = store.present();
    this.#list.replaceChildren(...this.#offered.map((name, i) => h(
      'li', { id: `picker-${i}`, class: 'switcher-option', role: 'option', 'aria-selected': 'false', click: () => this.#choose(name) },
      face(name, presenceOf(this.chat, name, present)), bdi(name, 'room-name'),
    )));
    this.#list.hidden = this.#offered.length === 0;
    this.#input.setAttribute('aria-expanded', String(this.#offered.length > 0));
    this.#point(this.#input.value.trim() === '' || this.#offered.length === 0 ? -1 : 0);
  }

  /** @param {number} at */
  #point(at) {
    this.#list.children[this.#at]?.setAttribute('aria-selected', 'false');
    this.#at = at;
    const option = this.#list.children[at];
    option?.setAttribute('aria-selected', 'true');
    option?.scrollIntoView({ block: 'nearest' });
    if (option === undefined) this.#input.removeAttribute('aria-activedescendant');
    else this.#input.setAttribute('aria-activedescendant', option.id);
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    if (this.#composition.owns(event)) return;
    const count = this.#offered.length;
    if (event.key === 'Backspace' && this.#input.value === '') {
      this.#chosen.pop();
      this.#showChosen();
      this.#search();
      return;
    }
    const written = this.#input.value.trim();
    if (event.key === 'ArrowDown' && count > 0) this.#point((this.#at + 1) % count);
    else if (event.key === 'ArrowUp' && count > 0) this.#point((Math.max(this.#at, 0) + count - 1) % count);
    else if (event.key === 'Enter' && (this.#offered[this.#at] ?? written) !== '') this.#choose(this.#offered[this.#at] ?? written);
    else return;
    event.preventDefault();
  }

  /** @param {string} name */
  #choose(name) {
    const code = this.#room === null && this.#chosen.length >= CHOSEN_MAX ? 'too_many_people' : nameProblem(name, this.chat.store.limits.name);
    setText(this.#problem, code === null ? '' : explain({ code, sentence: '' }));
    if (code !== null) return;
    if (!this.#chosen.includes(name)) this.#chosen.push(name);
    this.#input.value = '';
    this.#showChosen();
    this.#search();
    this.#input.focus();
  }

  /** What is written counts as chosen when one goes on. */
  #showDone() {
    this.#done.setAttribute('aria-disabled', String(this.#chosen.length === 0 && this.#input.value.trim() === ''));
  }

  #showChosen() {
    this.#chosenList.hidden = this.#chosen.length === 0;
    this.#showDone();
    this.#chosenList.replaceChildren(...this.#chosen.map((name) => h(
      'li', {},
      h('button', { type: 'button', class: 'chip', 'aria-label': t.unchoose(isolated(name)), title: t.unchoose(name), click: () => { this.#chosen = this.#chosen.filter((each) => each !== name); this.#showChosen(); this.#search(); this.#input.focus(); } }, bdi(name), icon('close')),
    )));
  }

  async #submit() {
    const written = this.#input.value.trim();
    if (written !== '') this.#choose(this.#offered[this.#at] ?? written);
    if (this.#chosen.length === 0 || this.#input.value !== '') return;
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
