/** One's own settings: sections, one under the other. A new one is an element and an entry of `SECTIONS`. */

import { t } from '../i18n/index.js';
import { AccountPanel } from './account-panel.js';
import { ChatElement, make } from './chat-element.js';
import { h } from './dom.js';
import { NameForm } from './name-form.js';
import { NotificationSettings } from './notification-settings.js';
import { ThemeSettings } from './theme-settings.js';

/**
 * `make` is called when the panel is shown, and anew each time.
 * @typedef {{ id: string, title: () => string, make: (panel: SettingsPanel) => HTMLElement }} Section
 */

/** From the top down. @type {readonly Section[]} */
const SECTIONS = [
  { id: 'settings-name', title: () => t.changeName, make: (panel) => panel.nameForm() },
  { id: 'settings-account', title: () => t.account, make: (panel) => make(AccountPanel, panel.chat) },
  { id: 'settings-theme', title: () => t.theme, make: (panel) => make(ThemeSettings, panel.chat) },
  { id: 'settings-notifications', title: () => t.notifications, make: (panel) => make(NotificationSettings, panel.chat) },
];

export class SettingsPanel extends ChatElement {
  /** Called when there is nothing more to do here. */
  onDone = () => {};
  /** @type {NameForm | null} */
  #first = null;

  build() {
    for (const { id, title, make: content } of SECTIONS) {
      this.append(h('section', { class: 'settings-section', 'aria-labelledby': id }, h('h3', { id }, title()), content(this)));
    }
  }

  focus() {
    this.#first?.focus();
  }

  nameForm() {
    const form = make(NameForm, this.chat);
    form.value = this.chat.store.name;
    form.submitLabel = t.saveName;
    form.onDone = () => this.onDone();
    this.#first = form;
    return form;
  }
}

customElements.define('settings-panel', SettingsPanel);
