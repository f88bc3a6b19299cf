/** Shows what the keyboard can do. */

import { t } from '../i18n/index.js';
import { ChatElement } from './chat-element.js';
import { h } from './dom.js';
import { icon } from './icons.js';

export const IS_APPLE = /Mac|iPhone|iPad/.test(navigator.platform);

const COMMAND = IS_APPLE ? '⌘' : 'Ctrl';
const ALT = IS_APPLE ? '⌥' : 'Alt';
const SHIFT = IS_APPLE ? '⇧' : 'Shift';

/** @type {() => [string, string[][]][]} what it does, and the keys for it */
const ENTRIES = () => [
  [t.goTo, [[COMMAND, 'K']]],
  [t.searchMessages, [[COMMAND, SHIFT, 'F'], ['/']]],
  [t.keyPreviousRoom, [[ALT, '↑']]],
  [t.keyNextRoom, [[ALT, '↓']]],
  [t.keyUnreadRoom, [[ALT, SHIFT, '↑'], [ALT, SHIFT, '↓']]],
  [t.keyMarkRead, [['Esc']]],
  [t.keySend, [['Enter']]],
  [t.keyNewLine, [[SHIFT, 'Enter']]],
  [t.keyMention, [['@']]],
  [t.keyList, [['↑'], ['↓'], ['Home'], ['End']]],
  [t.keys, [['?']]],
];

export class KeysDialog extends ChatElement {
  #dialog = h('dialog', { class: 'dialog keys', 'aria-labelledby': 'keys-title', close: () => this.#dialog.replaceChildren() });

  build() {
    this.append(this.#dialog);
  }

  open() {
    this.#dialog.replaceChildren(
      h(
        'div',
        { class: 'dialog-head' },
        h('h2', { id: 'keys-title' }, t.keys),
        h('button', { type: 'button', class: 'icon-button', 'aria-label': t.close, title: t.close, click: () => this.#dialog.close() }, icon('close')),
      ),
      h('dl', { class: 'keys-list' }, ...ENTRIES().flatMap(([sentence, combinations]) => [h('dt', {}, sentence), h('dd', {}, ...combinations.map(combination))])),
    );
    this.#dialog.showModal();
  }
}

/** @param {string[]} keys pressed together */
function combination(keys) {
  return h('span', { class: 'combination' }, ...keys.map((key) => h('kbd', {}, key)));
}

customElements.define('keys-dialog', KeysDialog);
