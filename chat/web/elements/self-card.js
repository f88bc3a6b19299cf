/** Who one is here, and the way to one's settings. */

import { t } from '../i18n/index.js';
import { avatar } from './avatar.js';
import { ChatElement, make } from './chat-element.js';
import { bdi, h } from './dom.js';
import { icon } from './icons.js';
import { SettingsPanel } from './settings-panel.js';

export class SelfCard extends ChatElement {
  #button = h('button', { type: 'button', class: 'self', 'aria-haspopup': 'dialog', title: t.settings, click: () => this.#open() });
  #dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'settings-title', close: () => this.#dialog.replaceChildren() });
  #shown = '';

  build() {
    this.append(this.#button, this.#dialog);
  }

  update() {
    const name = this.chat.store.name || this.chat.memory.name;
    if (name === this.#shown) return;
    this.#shown = name;
    this.#button.replaceChildren(
      avatar(name),
      bdi(name, 'self-name'),
      h('span', { class: 'visually-hidden' }, `, ${t.settings}`),
      icon('settings'),
    );
  }

  #open() {
    const panel = make(SettingsPanel, this.chat);
    panel.onDone = () => this.#dialog.close();
    this.#dialog.replaceChildren(
      h(
        'div',
        { class: 'dialog-head' },
        h('h2', { id: 'settings-title' }, t.settings),
        h('button', { type: 'button', class: 'icon-button', 'aria-label': t.close, title: t.close, click: () => this.#dialog.close() }, icon('close')),
      ),
      panel,
    );
    this.#dialog.showModal();
    panel.focus();
  }
}

customElements.define('self-card', SelfCard);
