/** Fields with a password, and what is wrong with what was typed; what is done with it is whoever's who makes it. */

import { explain, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { ChatElement } from './chat-element.js';
import { h, setText } from './dom.js';

/**
 * @typedef {object} PasswordField
 * @property {string} id of the input
 * @property {string} label
 * @property {'current-password' | 'new-password' | 'username'} kind what a password manager takes it for
 * @property {string} [value] what stands in it at first
 * @property {string} [hint]
 */

export class PasswordForm extends ChatElement {
  /** @type {readonly PasswordField[]} */
  fields = [];
  submitLabel = '';
  /** @type {(values: string[]) => Promise<void>} */
  onSubmit = async () => {};

  /** @type {HTMLInputElement[]} */
  #inputs = [];
  #username = h('input', { type: 'text', autocomplete: 'username', readonly: true, hidden: true, tabindex: -1, 'aria-hidden': 'true' });
  #problem = h('p', { class: 'problem', role: 'alert' });
  #submit = h('button', { class: 'button primary', type: 'submit' });
  #busy = false;

  build() {
    const problemId = `${this.fields[0]?.id ?? ''}-problem`;
    this.#problem.id = problemId;
    const form = h('form', { novalidate: true, submit: (event) => this.#submitted(event) });
    if (this.#username.value !== '') form.append(this.#username);
    for (const { id, label, kind, value = '', hint } of this.fields) {
      const input = h('input', {
        id, class: 'field', type: kind === 'username' ? 'text' : 'password', autocomplete: kind, required: true, spellcheck: 'false', autocapitalize: 'none',
        enterkeyhint: 'go', dir: kind === 'username' ? 'auto' : 'ltr', 'aria-describedby': hint === undefined ? problemId : `${problemId} ${id}-hint`,
      });
      input.value = value;
      input.addEventListener('input', () => this.#fail(''));
      this.#inputs.push(input);
      form.append(h('label', { for: id, class: 'label' }, label), input, ...(hint === undefined ? [] : [h('p', { id: `${id}-hint`, class: 'hint' }, hint)]));
    }
    form.append(this.#problem, this.#submit);
    this.append(form);
  }

  /** The account that it is about, where no field says it: password managers want to know. @param {string} name */
  set username(name) {
    this.#username.value = name;
  }

  update() {
    setText(this.#submit, this.#busy ? t.oneMoment : this.submitLabel);
    this.#submit.setAttribute('aria-disabled', String(this.#busy));
  }

  focus() {
    (this.#inputs.find((input) => input.value === '') ?? this.#inputs[0])?.focus();
  }

  /** @param {SubmitEvent} event */
  async #submitted(event) {
    event.preventDefault();
    if (this.#busy) return;
    const empty = this.#inputs.find((input) => input.value === '');
    if (empty !== undefined) {
      this.#fail(t.fillThisIn);
      empty.focus();
      return;
    }
    this.#busy = true;
    this.#fail('');
    try {
      await this.onSubmit(this.#inputs.map((input) => input.value));
      for (const input of this.#inputs) if (input.type === 'password') input.value = '';
    } catch (error) {
      this.#fail(explain(error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' }));
      this.#inputs.at(-1)?.focus();
    } finally {
      this.#busy = false;
      this.update();
    }
  }

  /** @param {string} sentence */
  #fail(sentence) {
    setText(this.#problem, sentence);
    for (const input of this.#inputs) input.setAttribute('aria-invalid', String(sentence !== ''));
    this.update();
  }
}

customElements.define('password-form', PasswordForm);
