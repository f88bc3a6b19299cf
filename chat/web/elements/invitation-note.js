/** Says, quietly, that somebody has invited this person into a private room, and leads there. */

import { isolated, t } from '../i18n/index.js';
import { ChatElement } from './chat-element.js';
import { h, setText } from './dom.js';
import { icon } from './icons.js';

export class InvitationNote extends ChatElement {
  #text = h('p', { role: 'status' });
  #box = h('div', { class: 'invitation', hidden: true }, icon('lock'), this.#text,
    h('button', { type: 'button', class: 'button small', click: () => this.#go() }, t.lookAtRoom),
    h('button', { type: 'button', class: 'icon-button', 'aria-label': t.dismiss, title: t.dismiss, click: () => this.#close() }, icon('close')));

  /** What had the focus before it came in here. @type {HTMLElement | null} */
  #before = null;

  build() {
    this.append(this.#box);
    this.addEventListener('focusin', ({ relatedTarget }) => {
      if (!(relatedTarget instanceof Node && this.contains(relatedTarget))) this.#before = relatedTarget instanceof HTMLElement ? relatedTarget : null;
    });
  }

  update() {
    const { store } = this.chat;
    const room = store.invitation === null ? undefined : store.rooms.get(store.invitation);
    const by = room?.invitedBy ?? null;
    this.#box.hidden = room === undefined || by === null;
    // What is hidden is in no screen reader, and what comes into sight with its text may not be read: the text is set last.
    setText(this.#text, room === undefined || by === null ? '' : t.invitedYou(isolated(by), isolated(this.chat.titleOf(room))));
  }

  #go() {
    const key = this.chat.store.invitation;
    this.#dismiss();
    if (key === null) return;
    this.chat.session.show(key);
    this.dispatchEvent(new CustomEvent('chosen', { bubbles: true }));
  }

  /** The button that had the focus is gone: back to where it was before, or on to the conversation, as after a choice. */
  #close() {
    this.#dismiss();
    this.update();
    this.#before?.focus();
    if (this.#before === null || document.activeElement !== this.#before) this.dispatchEvent(new CustomEvent('chosen', { bubbles: true }));
  }

  #dismiss() {
    this.chat.store.invitation = null;
    this.chat.store.changed();
  }
}

customElements.define('invitation-note', InvitationNote);
