/** The choice between light and dark. */

import { t } from '../i18n/index.js';
import { ChatElement } from './chat-element.js';
import { h } from './dom.js';
import { THEMES } from './theme.js';

export class ThemeSettings extends ChatElement {
  build() {
    const chosen = this.chat.theme;
    const names = { system: t.themeSystem, light: t.themeLight, dark: t.themeDark };
    this.append(h(
      'div',
      { class: 'choice', role: 'radiogroup', 'aria-label': t.theme },
      ...THEMES.map((theme) => h(
        'label',
        {},
        h('input', { type: 'radio', name: 'theme', value: theme, checked: theme === chosen, change: () => this.chat.chooseTheme(theme) }),
        h('span', {}, names[theme]),
      )),
    ));
  }
}

customElements.define('theme-settings', ThemeSettings);
