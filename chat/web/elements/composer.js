/** The box in which one writes. */

import { explain, t } from '../i18n/index.js';
import { formatNumber } from '../i18n/dates.js';
import { excess } from '../text/count.js';
import { ChatElement } from './chat-element.js';
import { CompositionWatch } from './composition.js';
import { h, setText } from './dom.js';
import { icon } from './icons.js';

/** The count is shown when this many characters are left, or fewer. */
const COUNT_FROM = 200;

export class MessageComposer extends ChatElement {
  #input = h('textarea', {
    id: 'composer-input', rows: 1, dir: 'auto', enterkeyhint: 'send', autocomplete: 'off', 'aria-describedby': 'composer-count composer-hint',
  });
  #label = h('label', { class: 'visually-hidden', for: 'composer-input' });
  #send = h('button', { type: 'submit', class: 'send', 'aria-label': t.send, title: t.send }, icon('send'));
  #count = h('p', { id: 'composer-count', class: 'composer-count', 'aria-live': 'polite' });
  #composition = new CompositionWatch(this.#input, navigator.userAgent);
  /** The room that the text is for. @type {string | null} */
  #room = null;
  #problem = '';
  /** The selection when the box lost the focus: a dialog that closes gives the focus back, but not the cursor. */
  #cursor = /** @type {[number, number]} */ ([0, 0]);

  build() {
    this.append(
      h(
        'form',
        { class: 'composer-form', submit: (event) => { event.preventDefault(); this.#post(); } },
        h('div', { class: 'composer-box' }, this.#label, this.#input, this.#send),
        h('div', { class: 'composer-foot' }, h('p', { id: 'composer-hint', class: 'composer-hint' }, t.keysHint), this.#count),
      ),
    );
    this.#input.addEventListener('input', () => this.#typed());
    this.#input.addEventListener('keydown', (event) => this.#keyDown(event));
    this.#input.addEventListener('blur', () => { this.#cursor = [this.#input.selectionStart, this.#input.selectionEnd]; });
    // The box keeps the focus, and the phone its keyboard, when the button is pressed.
    this.#send.addEventListener('pointerdown', (event) => event.preventDefault());
  }

  attached() {
    let width = 0;
    const observer = new ResizeObserver(() => {
      if (this.clientWidth === width) return;
      width = this.clientWidth;
      this.#grow();
    });
    observer.observe(this);
    this.whileConnected(() => observer.disconnect());
  }

  focus() {
    this.#input.focus();
  }

  /** Puts a text where the cursor is, or was before the box lost the focus. @param {string} text */
  insert(text) {
    const { value } = this.#input;
    const [selectionStart, selectionEnd] = this.#cursor;
    const space = selectionStart > 0 && !/\s$/u.test(value.slice(0, selectionStart)) ? ' ' : '';
    this.#input.focus();
    this.#input.setRangeText(space + text, selectionStart, selectionEnd, 'end');
    this.#typed();
  }

  update() {
    const room = this.chat.store.currentRoom;
    this.hidden = room === null || !room.wanted;
    if (room === null) return;
    const label = t.messageTo(this.chat.titleOf(room));
    setText(this.#label, label);
    this.#input.placeholder = label;
    if (room.key !== this.#room) {
      this.#room = room.key;
      this.#input.value = this.chat.drafts.get(room.key) ?? '';
      this.#typed();
    }
    this.#showCount();
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    if (event.key !== 'Enter' || event.shiftKey || event.altKey || this.#composition.owns(event)) return;
    event.preventDefault();
    this.#post();
  }

  #typed() {
    this.#problem = '';
    if (this.#room !== null) {
      if (this.#input.value === '') this.chat.drafts.delete(this.#room);
      else this.chat.drafts.set(this.#room, this.#input.value);
    }
    this.#grow();
    this.#showCount();
  }

  #post() {
    const text = this.#input.value.replace(/^(?:[^\S\n]*\n)+/u, '').trimEnd();
    if (this.#room === null || text.trim() === '' || this.#left(text) < 0) return;
    if (!this.chat.session.post(this.#room, text)) {
      this.#problem = explain({ code: 'outbox_full', sentence: '' });
      this.#showCount();
      return;
    }
    this.#input.value = '';
    this.#typed();
    this.dispatchEvent(new CustomEvent('posted', { bubbles: true }));
  }

  /** @param {string} text */
  #left(text) {
    return -excess(text, this.chat.store.limits.text);
  }

  #showCount() {
    const left = this.#left(this.#input.value.trimEnd());
    const sentence = left < 0 ? t.charactersOver(-left) : left <= COUNT_FROM ? t.charactersLeft(left) : '';
    const { slowed } = this.chat.store;
    const count = sentence.replace(/\d+/, (digits) => formatNumber(Number(digits)));
    setText(this.#count, this.#problem || count || (slowed ? t.slowedDown : ''));
    this.#count.classList.toggle('slowed', slowed);
    this.#count.classList.toggle('over', left < 0 || this.#problem !== '');
    this.#input.setAttribute('aria-invalid', String(left < 0));
    this.#send.setAttribute('aria-disabled', String(left < 0 || this.#input.value.trim() === ''));
  }

  /** As high as its text, up to the height that the style sheet allows. */
  #grow() {
    this.#input.style.height = 'auto';
    this.#input.style.height = `${this.#input.scrollHeight}px`;
  }
}

customElements.define('message-composer', MessageComposer);
