/** Asks for the day to which the conversation shall go. */

import { t } from '../i18n/index.js';
import { dayStart, today } from '../i18n/dates.js';
import { ChatElement } from './chat-element.js';
import { h, setText } from './dom.js';
import { icon } from './icons.js';

export class DateDialog extends ChatElement {
  #input = h('input', { id: 'date-input', class: 'field', type: 'date', required: true, 'aria-describedby': 'date-problem' });
  #problem = h('p', { id: 'date-problem', class: 'problem', role: 'alert' });
  #dialog = h('dialog', { class: 'dialog date-dialog', 'aria-labelledby': 'date-title' });

  build() {
    this.#dialog.append(
      h('div', { class: 'dialog-head' }, h('h2', { id: 'date-title' }, t.jumpToDate),
        h('button', { type: 'button', class: 'icon-button', 'aria-label': t.close, title: t.close, click: () => this.#dialog.close() }, icon('close'))),
      h('form', { novalidate: true, submit: (event) => this.#submitted(event) },
        h('label', { class: 'label', for: 'date-input' }, t.day), this.#input, this.#problem,
        h('button', { type: 'submit', class: 'button primary' }, t.jump)),
    );
    this.append(this.#dialog);
    this.#dialog.addEventListener('click', (event) => { if (event.target === this.#dialog) this.#dialog.close(); });
  }

  open() {
    this.#input.max = today();
    this.#fail('');
    this.#dialog.showModal();
    this.#input.focus();
  }

  /** @param {SubmitEvent} event */
  #submitted(event) {
    event.preventDefault();
    const time = dayStart(this.#input.value);
    if (time === null) {
      this.#fail(t.fillThisIn);
      this.#input.focus();
      return;
    }
    this.#dialog.close();
    this.dispatchEvent(new CustomEvent('jump', { bubbles: true, detail: time }));
  }

  /** @param {string} sentence */
  #fail(sentence) {
    setText(this.#problem, sentence);
    this.#input.setAttribute('aria-invalid', String(sentence !== ''));
  }
}

customElements.define('date-dialog', DateDialog);
