/** Says, quietly, that the server has a newer page than this one. */

import { t } from '../i18n/index.js';
import { ChatElement } from './chat-element.js';
import { h } from './dom.js';

export class UpdateNote extends ChatElement {
  build() {
    this.setAttribute('role', 'status');
    this.hidden = true;
  }

  update() {
    if (this.hidden !== this.chat.build.outdated) return;
    this.hidden = !this.chat.build.outdated;
    this.replaceChildren(...(this.hidden ? [] : [
      h('p', {}, t.newVersion),
      h('button', { type: 'button', class: 'button small', click: () => location.reload() }, t.reload),
    ]));
  }
}

customElements.define('update-note', UpdateNote);
