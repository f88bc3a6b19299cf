/** Who one is here, and the dialog that changes it. */

import { t } from '../i18n/index.js';
import { avatar } from './avatar.js';
import { ChatElement, make } from './chat-element.js';
import { bdi, h } from './dom.js';
import { icon } from './icons.js';
import { NameForm } from './name-form.js';

export class SelfCard extends ChatElement {
  #button = h('button', { type: 'button', class: 'self', 'aria-haspopup': 'dialog', title: t.changeName, click: () => this.#open() });
  #dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'rename-title', close: () => this.#dialog.replaceChildren() });
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
      h('span', { class: 'visually-hidden' }, `, ${t.changeName}`),
      icon('pencil'),
    );
  }

  #open() {
    const form = make(NameForm, this.chat);
    form.value = this.chat.store.name;
    form.submitLabel = t.saveName;
    form.onDone = () => this.#dialog.close();
    this.#dialog.replaceChildren(
      h(
        'div',
        { class: 'dialog-head' },
        h('h2', { id: 'rename-title' }, t.changeName),
        h('button', { type: 'button', class: 'icon-button', 'aria-label': t.close, title: t.close, click: () => this.#dialog.close() }, icon('close')),
      ),
      form,
    );
    this.#dialog.showModal();
    form.focus();
  }
}

customElements.define('self-card', SelfCard);
