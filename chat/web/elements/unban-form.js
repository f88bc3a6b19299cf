/** Lets somebody in again who was banned: they are in no list, so by their name. */

import { explain, isolated, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { ChatElement } from './chat-element.js';
import { h, setText } from './dom.js';

export class UnbanForm extends ChatElement {
  #input = h('input', { id: 'unban-name', class: 'field', type: 'text', autocomplete: 'off', autocapitalize: 'words', spellcheck: 'false', enterkeyhint: 'done', dir: 'auto', required: true, 'aria-describedby': 'unban-problem' });
  #problem = h('p', { id: 'unban-problem', class: 'problem', role: 'alert' });
  #done = h('p', { class: 'hint', role: 'status' });

  build() {
    this.append(h(
      'form',
      { class: 'details-form', novalidate: true, submit: (event) => { event.preventDefault(); this.#submit(); } },
      h('label', { class: 'label', for: 'unban-name' }, t.unbanLabel),
      this.#input,
      this.#problem,
      this.#done,
      h('div', { class: 'row' }, h('button', { type: 'submit', class: 'button small' }, t.unbanPerson)),
    ));
  }

  async #submit() {
    const name = this.#input.value.trim();
    setText(this.#problem, '');
    setText(this.#done, '');
    if (name === '') {
      setText(this.#problem, t.fillThisIn);
      return;
    }
    try {
      await this.chat.session.ask({ type: 'unban', name });
      setText(this.#done, t.unbanned(isolated(name)));
      this.#input.value = '';
    } catch (error) {
      // What is said of somebody who cannot be banned is not for who is to come back.
      if (error instanceof Refusal && error.code === 'no_such_person') error.code = 'not_known';
      setText(this.#problem, explain(error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' }));
    }
  }
}

customElements.define('unban-form', UnbanForm);
