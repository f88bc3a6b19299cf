/** What an administrator can do about somebody: a dialog that is opened from the list of people. */

import { explain, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { ChatElement } from './chat-element.js';
import { h, setText } from './dom.js';
import { icon } from './icons.js';

/** For so many minutes somebody is silent. */
const MUTE_MINUTES = 10;

export class PersonMenu extends ChatElement {
  #title = h('h2', { id: 'person-menu-title' });
  #text = h('p', { class: 'settings-text' });
  #problem = h('p', { class: 'problem', role: 'alert' });
  #dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'person-menu-title' });
  #name = '';

  build() {
    const act = (/** @type {'mute' | 'unmute' | 'kick' | 'ban'} */ type, /** @type {string} */ label, /** @type {string} */ className) => h(
      'button', { type: 'button', class: `button ${className}`, 'data-act': type, click: () => this.#act(type) }, label,
    );
    this.#dialog.append(
      h('div', { class: 'dialog-head' }, this.#title,
        h('button', { type: 'button', class: 'icon-button', 'aria-label': t.close, title: t.close, click: () => this.#dialog.close() }, icon('close'))),
      this.#text,
      h('div', { class: 'person-acts' }, act('mute', t.mutePerson(MUTE_MINUTES), ''), act('unmute', t.unmutePerson, ''), act('kick', t.kickPerson, ''), act('ban', t.banPerson, 'danger')),
      this.#problem,
    );
    // For administrators alone, and while it is needed.
    this.#dialog.addEventListener('close', () => this.#dialog.remove());
  }

  /** @param {string} name */
  open(name) {
    this.#name = name;
    setText(this.#title, name);
    setText(this.#text, t.moderateText);
    setText(this.#problem, '');
    this.append(this.#dialog);
    this.#dialog.showModal();
  }

  /** @param {'mute' | 'unmute' | 'kick' | 'ban'} type */
  async #act(type) {
    try {
      await this.chat.session.ask(type === 'mute' ? { type, name: this.#name, minutes: MUTE_MINUTES } : { type, name: this.#name });
      this.#dialog.close();
    } catch (error) {
      setText(this.#problem, explain(error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' }));
    }
  }
}

customElements.define('person-menu', PersonMenu);
