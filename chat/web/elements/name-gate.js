/** The door: where one says who one is. */

import { explain, t } from '../i18n/index.js';
import { ChatElement, make } from './chat-element.js';
import { ConnectionStatus } from './connection-status.js';
import { h, setText } from './dom.js';
import { mark } from './icons.js';
import { LanguageSwitch } from './language-switch.js';
import { NameForm } from './name-form.js';
import { PasswordForm } from './password-form.js';
import { patchPanel } from './patch-panel.js';

export class NameGate extends ChatElement {
  /** What was typed before the page was made anew in another language. */
  value = '';
  /** @type {NameForm | null} */
  #form = null;
  /** @type {PasswordForm | null} */
  #signIn = null;
  #place = h('div', { class: 'gate-form' });
  #title = h('h1');
  #text = h('p', { class: 'gate-text' });
  #other = h('button', { type: 'button', class: 'link', click: () => this.#turn() });
  #why = h('p', { class: 'problem', role: 'alert' });

  build() {
    this.#askName();
    this.append(
      h('div', { class: 'gate-picture' }, patchPanel()),
      h(
        'main',
        { class: 'gate-main' },
        h('header', { class: 'gate-header' }, h('span', { class: 'brand' }, mark(), t.appName), make(LanguageSwitch, this.chat)),
        h('div', { class: 'gate-body' }, this.#title, this.#text, this.#why, this.#place, this.#other, make(ConnectionStatus, this.chat)),
      ),
    );
  }

  update() {
    const { nameProblem } = this.chat.store;
    // Said by the form where it is about the name that stands there.
    setText(this.#why, nameProblem?.code === 'signed_out' ? explain(nameProblem) : '');
    // An invitation that does not hold is none.
    if (this.#form !== null) this.#greet();
  }

  get typed() {
    return this.#form?.typed ?? this.value;
  }

  focus() {
    (this.#form ?? this.#signIn)?.focus();
  }

  #askName() {
    const form = make(NameForm, this.chat);
    form.value = this.value || this.chat.memory.name;
    this.#form = form;
    this.#signIn = null;
    this.#show(form, t.haveAccount);
    this.#greet();
  }

  #greet() {
    const isInvited = this.chat.invitation !== null;
    this.#say(isInvited ? t.invitedTitle : t.welcomeTitle, isInvited ? t.invitedText : t.welcomeText);
  }

  #askPassword() {
    const form = make(PasswordForm, this.chat);
    form.fields = [
      { id: 'account-name', label: t.nameLabel, kind: 'username', value: this.value || this.chat.memory.name },
      { id: 'account-password', label: t.password, kind: 'current-password' },
    ];
    form.submitLabel = t.signIn;
    form.onSubmit = ([name = '', password = '']) => this.chat.signIn(name.trim(), password);
    this.#form = null;
    this.#signIn = form;
    this.#show(form, t.noAccount);
    this.#say(t.signInTitle, t.signInText);
  }

  /** @param {string} title @param {string} text */
  #say(title, text) {
    setText(this.#title, title);
    setText(this.#text, text);
  }

  /** The other way in. */
  #turn() {
    this.value = this.typed;
    if (this.#form === null) this.#askName();
    else this.#askPassword();
    this.focus();
  }

  /**
   * @param {HTMLElement} form
   * @param {string} other
   */
  #show(form, other) {
    setText(this.#other, other);
    this.#place.replaceChildren(form);
  }
}

customElements.define('name-gate', NameGate);
