/** The door: where one says who one is. */

import { t } from '../i18n/index.js';
import { ChatElement, make } from './chat-element.js';
import { ConnectionStatus } from './connection-status.js';
import { h } from './dom.js';
import { mark } from './icons.js';
import { LanguageSwitch } from './language-switch.js';
import { NameForm } from './name-form.js';
import { patchPanel } from './patch-panel.js';

export class NameGate extends ChatElement {
  /** What was typed before the page was made anew in another language. */
  value = '';
  /** @type {NameForm | null} */
  #form = null;

  build() {
    const form = make(NameForm, this.chat);
    form.value = this.value || this.chat.memory.name;
    this.#form = form;
    this.append(
      h('div', { class: 'gate-picture' }, patchPanel()),
      h(
        'main',
        { class: 'gate-main' },
        h('header', { class: 'gate-header' }, h('span', { class: 'brand' }, mark(), t.appName), make(LanguageSwitch, this.chat)),
        h('div', { class: 'gate-body' }, h('h1', {}, t.welcomeTitle), h('p', { class: 'gate-text' }, t.welcomeText), form, make(ConnectionStatus, this.chat)),
      ),
    );
  }

  get typed() {
    return this.#form?.typed ?? '';
  }

  focus() {
    this.#form?.focus();
  }
}

customElements.define('name-gate', NameGate);
