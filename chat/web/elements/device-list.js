/** The browsers in which one is signed in: each of the others can be signed out from here. */

import { formatDay } from '../i18n/dates.js';
import { explain, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { readAgent } from '../text/agent.js';
import { ChatElement } from './chat-element.js';
import { h, setText } from './dom.js';

/** @import { Device } from '../net/account.js' */

export class DeviceList extends ChatElement {
  #list = h('ul', { class: 'entries', 'aria-labelledby': 'devices-title' });
  #problem = h('p', { class: 'problem', role: 'alert' });

  build() {
    this.append(h('h4', { id: 'devices-title', class: 'label', tabindex: -1 }, t.devices), this.#list, this.#problem);
  }

  /** Asks for them anew. */
  async load() {
    try {
      const devices = await this.chat.account.devices();
      this.#list.replaceChildren(...devices.map((device) => this.#entry(device)));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {Device} device */
  #entry({ number, agent, used, current }) {
    const { browser, system } = readAgent(agent);
    const name = browser && system ? t.browserOn(browser, system) : browser || system || t.unknownDevice;
    return h('li', { class: 'entry', 'data-session': number },
      h('div', { class: 'entry-text' }, h('span', { class: 'entry-name' }, name), h('span', { class: 'hint' }, current ? t.thisDevice : t.lastUsed(formatDay(used, Date.now())))),
      !current && h('button', { type: 'button', class: 'button small', 'aria-label': t.signOutOf(name), click: () => this.#signOut(number) }, t.signOut));
  }

  /** @param {number} number */
  async #signOut(number) {
    setText(this.#problem, '');
    try {
      await this.chat.account.signOutDevice(number);
      await this.load();
      // What had the focus is gone.
      /** @type {HTMLElement | null} */ (this.querySelector('#devices-title'))?.focus();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {unknown} error */
  #fail(error) {
    setText(this.#problem, explain(error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' }));
  }
}

customElements.define('device-list', DeviceList);
