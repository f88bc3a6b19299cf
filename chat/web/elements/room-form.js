/** Starting a new room: a button that unfolds into a field. */

import { explain, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { titleProblem, topicProblem } from '../text/names.js';
import { ChatElement } from './chat-element.js';
import { h, setText } from './dom.js';
import { icon } from './icons.js';

export class RoomForm extends ChatElement {
  #open = h('button', { type: 'button', class: 'new-room', 'aria-expanded': 'false', click: () => this.#unfold() }, icon('plus'), t.newRoom);
  #input = h('input', {
    id: 'room-input', class: 'field', type: 'text', autocomplete: 'off', dir: 'auto', enterkeyhint: 'done',
    placeholder: t.roomTitlePlaceholder, 'aria-describedby': 'room-problem',
  });
  #topic = h('input', { id: 'room-topic', class: 'field', type: 'text', autocomplete: 'off', dir: 'auto', placeholder: t.topicPlaceholder });
  #private = h('input', { type: 'checkbox', id: 'room-private' });
  #privateLabel = h('label', { class: 'check', for: 'room-private' }, this.#private, h('span', {}, t.makePrivate, h('span', { class: 'hint' }, t.makePrivateHint)));
  #problem = h('p', { id: 'room-problem', class: 'problem', role: 'alert' });
  #existing = h('button', { type: 'button', class: 'link', hidden: true, click: () => this.#choose(this.#existingKey) }, t.openRoom);
  #existingKey = '';
  #form = h(
    'form',
    { class: 'room-form', hidden: true, novalidate: true, submit: (event) => this.#submitted(event), keydown: (event) => this.#keyDown(event) },
    h('label', { for: 'room-input', class: 'label' }, t.roomTitleLabel),
    this.#input,
    this.#problem,
    this.#existing,
    h('label', { for: 'room-topic', class: 'label' }, t.topic),
    this.#topic,
    this.#privateLabel,
    h('div', { class: 'row' },
      h('button', { type: 'submit', class: 'button primary small' }, t.createRoom),
      h('button', { type: 'button', class: 'button small', click: () => this.#fold() }, t.cancel)),
  );

  build() {
    this.append(this.#open, this.#form);
    this.#input.addEventListener('input', () => this.#fail(''));
  }

  #unfold() {
    this.#open.hidden = true;
    this.#open.setAttribute('aria-expanded', 'true');
    this.#form.hidden = false;
    this.#privateLabel.hidden = this.chat.store.self === null;
    this.#input.focus();
    // The form may be at the end of a long list.
    this.#form.scrollIntoView({ block: 'nearest' });
  }

  #fold() {
    this.#input.value = this.#topic.value = '';
    this.#private.checked = false;
    this.#fail('');
    this.#form.hidden = true;
    this.#open.hidden = false;
    this.#open.setAttribute('aria-expanded', 'false');
    this.#open.focus();
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    if (event.key !== 'Escape' || event.isComposing) return;
    event.stopPropagation();
    this.#fold();
  }

  /** @param {SubmitEvent} event */
  async #submitted(event) {
    event.preventDefault();
    const title = this.#input.value.trim();
    const topic = this.#topic.value.trim();
    const code = titleProblem(title, this.chat.store.limits.room) ?? topicProblem(topic);
    if (code !== null) {
      this.#fail(explain({ code, sentence: '' }));
      return;
    }
    try {
      this.#choose(await this.chat.session.conversations.create(title, { isPrivate: this.#private.checked, topic }));
    } catch (error) {
      const refusal = error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' };
      this.#fail(explain(refusal));
      this.#existingKey = (refusal.code === 'room_exists' && error instanceof Refusal && error.room) || '';
      this.#existing.hidden = this.#existingKey === '';
    }
  }

  /** @param {string} key */
  #choose(key) {
    this.#fold();
    this.chat.session.show(key);
    this.dispatchEvent(new CustomEvent('chosen', { bubbles: true }));
  }

  /** @param {string} sentence */
  #fail(sentence) {
    setText(this.#problem, sentence);
    this.#existing.hidden = true;
    this.#input.setAttribute('aria-invalid', String(sentence !== ''));
    if (sentence === '') return;
    this.#input.focus();
    this.#problem.scrollIntoView({ block: 'nearest' });
  }
}

customElements.define('room-form', RoomForm);
