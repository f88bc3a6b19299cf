/** The field for one's name: at the door, and in the dialog that changes it. */

import { explain, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { nameProblem } from '../text/names.js';
import { ChatElement } from './chat-element.js';
import { h, setText } from './dom.js';

export class NameForm extends ChatElement {
  /** What stands in the field at first. */
  value = '';
  submitLabel = t.comeIn;
  /** Called when the name was given to the server; at the door that is before it has answered. */
  onDone = () => {};

  #input = h('input', {
    id: 'name-input', name: 'name', class: 'field', type: 'text', autocomplete: 'nickname', autocapitalize: 'words',
    spellcheck: 'false', enterkeyhint: 'go', dir: 'auto', required: true, 'aria-describedby': 'name-problem name-hint',
  });
  #problem = h('p', { id: 'name-problem', class: 'problem', role: 'alert' });
  #hint = h('p', { id: 'name-hint', class: 'hint' });
  #submit = h('button', { class: 'button primary', type: 'submit' });
  #ownProblem = '';
  #busy = false;

  build() {
    this.#input.value = this.value;
    this.append(
      h(
        'form',
        { novalidate: true, submit: (event) => this.#submitted(event) },
        h('label', { for: 'name-input', class: 'label' }, t.nameLabel),
        this.#input,
        this.#problem,
        this.#hint,
        this.#submit,
      ),
    );
    this.#input.addEventListener('input', () => {
      this.#ownProblem = '';
      this.chat.store.nameProblem = null;
      this.update();
    });
  }

  /** What stands in the field now. */
  get typed() {
    return this.#input.value;
  }

  focus() {
    this.#input.focus();
    this.#input.select();
  }

  update() {
    const { nameProblem: refused, limits } = this.chat.store;
    if (refused !== null) this.#busy = false;
    const problem = this.#ownProblem || (refused === null || refused.code === 'signed_out' ? '' : explain(refused));
    setText(this.#problem, problem);
    setText(this.#hint, t.nameHint(limits.name));
    setText(this.#submit, this.#busy ? t.comingIn : this.submitLabel);
    this.#submit.setAttribute('aria-disabled', String(this.#busy));
    this.#input.setAttribute('aria-invalid', String(problem !== ''));
  }

  /** @param {SubmitEvent} event */
  async #submitted(event) {
    event.preventDefault();
    if (this.#busy) return;
    const name = this.#input.value.trim();
    const code = nameProblem(name, this.chat.store.limits.name);
    if (code !== null) {
      this.#fail(explain({ code, sentence: '' }));
      return;
    }
    this.#busy = true;
    this.update();
    try {
      await this.chat.comeIn(name);
      this.onDone();
    } catch (error) {
      this.#busy = false;
      this.#fail(explain(error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' }));
    }
  }

  /** @param {string} sentence */
  #fail(sentence) {
    this.#ownProblem = sentence;
    this.update();
    this.#input.focus();
  }
}

customElements.define('name-form', NameForm);
