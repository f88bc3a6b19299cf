/** Above the box: what the text is an answer to, or that it takes the place of another one. */

import { t } from '../i18n/index.js';
import { languageOf } from '../text/language.js';
import { bdi, h } from './dom.js';
import { icon } from './icons.js';

/** @import { Message, Reply } from '../net/frames.js' */

/** `isAnother`: since it was begun to change the text, somebody has, on another device. @typedef {{ kind: 'reply', message: Reply } | { kind: 'edit', message: Pick<Message, 'seq' | 'from' | 'data'>, isAnother: boolean }} Purpose */

export class ComposeBar {
  #text = h('p', { class: 'compose-bar-text', id: 'compose-bar' });
  element;
  /** @type {string} */
  #shown = '';

  /** @param {() => void} cancel */
  constructor(cancel) {
    this.element = h(
      'div',
      { class: 'compose-bar', hidden: true },
      this.#text,
      h('button', { type: 'button', class: 'icon-button', 'aria-label': t.cancel, title: t.cancel, click: cancel }, icon('close')),
    );
  }

  /** @param {Purpose | null} purpose */
  show(purpose) {
    const key = purpose === null ? '' : `${purpose.kind} ${purpose.message.seq} ${purpose.message.from} ${purpose.message.data}`;
    if (key === this.#shown) return;
    this.#shown = key;
    this.element.hidden = purpose === null;
    if (purpose === null) return;
    const { kind, message } = purpose;
    const first = message.data.trim().split('\n', 1)[0] ?? '';
    this.#text.replaceChildren(
      icon(kind === 'edit' ? 'pencil' : 'reply'),
      purpose.kind === 'edit' ? h('strong', {}, purpose.isAnother ? t.editingAnother : t.editing) : h('span', { class: 'compose-bar-to' }, `${t.replyTo} `, bdi(message.from, 'quote-author')),
      h('span', { class: 'compose-bar-quote', dir: 'auto', lang: languageOf(first) }, first),
    );
  }
}
