/** Of what one is notified, and whether it makes a sound. The browser is asked for leave when something is chosen, not before. */

import { t } from '../i18n/index.js';
import { ChatElement } from './chat-element.js';
import { h, setText } from './dom.js';
import { canNotify, NOTIFY } from './notifier.js';

/** @import { Notify } from './notifier.js' */

export class NotificationSettings extends ChatElement {
  #problem = h('p', { class: 'hint', role: 'status' });
  /** @type {Map<Notify, HTMLInputElement>} */
  #choices = new Map();

  build() {
    const names = { off: t.notifyOff, mentions: t.notifyMentions, all: t.notifyAll };
    const able = canNotify();
    for (const notify of NOTIFY) {
      this.#choices.set(notify, h('input', { type: 'radio', name: 'notify', value: notify, disabled: !able, change: () => this.#choose(notify) }));
    }
    this.append(
      h('div', { class: 'choice', role: 'radiogroup', 'aria-label': t.notifications }, ...[...this.#choices].map(([notify, input]) => h('label', {}, input, h('span', {}, names[notify])))),
      h('p', { class: 'hint' }, t.notifyHint),
      h('label', { class: 'check' }, h('input', { type: 'checkbox', checked: this.chat.memory.sound, disabled: !able, change: (event) => this.#chooseSound(event.target.checked) }), t.notifySound),
      this.#problem,
    );
    this.#show();
    if (!able) setText(this.#problem, t.notifyImpossible);
  }

  /** @param {Notify} notify */
  async #choose(notify) {
    this.chat.memory.notify = notify;
    if (notify !== 'off' && await Notification.requestPermission() !== 'granted') this.chat.memory.notify = 'off';
    setText(this.#problem, this.chat.memory.notify === notify ? '' : t.notifyDenied);
    this.#show();
  }

  /** @param {boolean} sound */
  #chooseSound(sound) {
    this.chat.memory.sound = sound;
    if (sound) this.chat.notifier.play();
  }

  #show() {
    for (const [notify, input] of this.#choices) input.checked = notify === this.chat.memory.notify;
  }
}

customElements.define('notification-settings', NotificationSettings);
