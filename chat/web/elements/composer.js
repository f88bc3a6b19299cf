/** The box in which one writes. */

import { explain, t } from '../i18n/index.js';
import { formatNumber } from '../i18n/dates.js';
import { mayEdit } from '../state/changes.js';
import { excess } from '../text/count.js';
import { ChatElement } from './chat-element.js';
import { ComposeBar } from './compose-bar.js';
import { CompositionWatch } from './composition.js';
import { h, setText } from './dom.js';
import { Completion } from './completion.js';
import { icon } from './icons.js';
import { offerEmoji, offerPeople } from './offers.js';

/** @import { Message, Reply } from '../net/frames.js' */
/** @import { Edit } from '../state/drafts.js' */

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
  #bar = new ComposeBar(() => { this.#cancel(); this.focus(); });
  #completion = new Completion(this.#input, [offerEmoji, (before) => offerPeople(this.chat)(before)], (from, to, text) => {
    this.#input.setRangeText(text, from, to, 'end');
    this.#typed();
  });
  #form = h('form', { class: 'composer-form', submit: (event) => { event.preventDefault(); this.#post(); } });
  #archived = h('p', { class: 'composer-archived', hidden: true }, icon('archive'), t.isArchived);
  /** The selection when the box lost the focus: a dialog that closes gives the focus back, but not the cursor. */
  #cursor = /** @type {[number, number]} */ ([0, 0]);

  build() {
    this.#form.append(
      this.#bar.element,
      this.#completion.element,
      h('div', { class: 'composer-box' }, this.#label, this.#input, this.#send),
      h('div', { class: 'composer-foot' }, h('p', { id: 'composer-hint', class: 'composer-hint' }, t.keysHint), this.#count),
    );
    this.append(this.#form, this.#archived);
    this.#input.addEventListener('input', () => {
      this.#typed();
      this.#tellTyping();
      if (this.#composition.composing) this.#completion.close();
      else this.#completion.typed();
    });
    this.#input.addEventListener('compositionend', () => this.#completion.typed());
    this.#input.addEventListener('blur', () => this.#completion.close());
    this.#input.addEventListener('keydown', (event) => this.#keyDown(event));
    this.#input.addEventListener('blur', () => { this.#cursor = [this.#input.selectionStart, this.#input.selectionEnd]; });
    // The box keeps the focus, and the phone its keyboard, when the button is pressed.
    this.#send.addEventListener('pointerdown', (event) => event.preventDefault());
  }

  attached() {
    let width = 0;
    this.listen(document, 'selectionchange', () => this.#completion.moved());
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

  /** The message whose text is being changed. */
  get #edited() {
    return this.chat.drafts.edited(this.#room ?? '');
  }

  /** What is written next answers a message. @param {Message} message */
  reply(message) {
    if (this.#edited !== null) this.#cancel();
    this.chat.drafts.answer(message.room, replyTo(message));
    this.update();
    this.focus();
  }

  /** Another text for an own message. What was being written comes back afterwards. @param {Message} message */
  edit(message) {
    const { room, seq, from, data } = message;
    this.chat.drafts.edit(room, { seq, from, data, text: data });
    this.#input.value = message.data;
    this.#typed();
    this.update();
    this.focus();
    this.#input.setSelectionRange(message.data.length, message.data.length);
  }

  /** No answer, or no other text, after all. */
  #cancel() {
    const room = this.#room;
    if (room === null) return;
    if (this.#edited !== null) {
      this.chat.drafts.edit(room, null);
      this.#input.value = this.chat.drafts.get(room);
      this.#typed();
    } else {
      this.chat.drafts.answer(room, null);
    }
    this.update();
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
    this.#form.hidden = room.archived;
    this.#archived.hidden = !room.archived;
    const label = (room.kind === 'direct' ? t.messageToPeople : t.messageTo)(this.chat.titleOf(room));
    setText(this.#label, label);
    this.#input.placeholder = label;
    if (room.key !== this.#room) {
      this.#room = room.key;
      this.#completion.close();
      this.#input.value = this.#edited?.text ?? this.chat.drafts.get(room.key);
      this.#typed();
    }
    const [edited, answered] = [this.#edited, this.chat.drafts.answered(room.key)];
    const now = edited === null ? undefined : room.messages.find(({ seq }) => seq === edited.seq);
    if (now?.deleted) {
      this.#cancel();
      return;
    }
    const isAnother = edited !== null && now !== undefined && now.data !== edited.data;
    this.#bar.show(edited !== null ? { kind: 'edit', message: isAnother ? now : edited, isAnother } : answered === null ? null : { kind: 'reply', message: answered });
    this.#showCount();
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    if (this.#composition.owns(event) || this.#completion.takes(event)) return;
    if (event.key === 'Escape' && !this.#bar.element.hidden) {
      event.preventDefault();
      this.#cancel();
      return;
    }
    if (event.key === 'ArrowUp' && !event.altKey && this.#input.value === '' && this.#editLast()) {
      event.preventDefault();
      return;
    }
    if (event.key !== 'Enter' || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.#post();
  }

  #typed() {
    this.#problem = '';
    const { drafts } = this.chat;
    if (this.#room !== null && this.#edited !== null) drafts.edit(this.#room, { ...this.#edited, text: this.#input.value });
    else if (this.#room !== null) drafts.set(this.#room, this.#input.value);
    this.#grow();
    this.#showCount();
  }

  /** The others see that something comes. */
  #tellTyping() {
    const { currentRoom } = this.chat.store;
    if (currentRoom !== null && this.#edited === null && this.#input.value.trim() !== '') this.chat.session.conversations.typing(currentRoom);
  }

  #post() {
    const text = this.#input.value.replace(/^(?:[^\S\n]*\n)+/u, '').trimEnd();
    if (this.#room === null || text.trim() === '' || this.#left(text) < 0) return;
    if (this.#edited !== null) {
      this.#change(this.#room, this.#edited, text);
      return;
    }
    if (!this.chat.session.post(this.#room, text, this.chat.drafts.answered(this.#room) ?? undefined)) {
      this.#problem = explain({ code: 'outbox_full', sentence: '' });
      this.#showCount();
      return;
    }
    this.chat.drafts.answer(this.#room, null);
    this.#input.value = '';
    this.#typed();
    this.update();
    this.dispatchEvent(new CustomEvent('posted', { bubbles: true }));
  }

  /** @param {string} room @param {Edit} edited @param {string} text */
  #change(room, { seq, data }, text) {
    const now = this.chat.store.room(room).messages.find((message) => message.seq === seq)?.data ?? data;
    if (text !== now) this.chat.session.changes.edit({ room, seq }, text);
    this.#cancel();
  }

  /** The last own message again. @returns {boolean} whether there is one */
  #editLast() {
    const { currentRoom, self } = this.chat.store;
    const last = currentRoom?.messages.findLast((message) => mayEdit(message, self));
    if (last !== undefined) this.edit(last);
    return last !== undefined;
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

/** As it is shown until the server has it. @param {Message} message @returns {Reply} */
function replyTo({ seq, from, data, deleted }) {
  return { seq, from, data: [...data.replace(/\s+/g, ' ')].slice(0, 120).join(''), deleted };
}

customElements.define('message-composer', MessageComposer);
