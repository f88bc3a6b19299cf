/** EN / 中文 */

import { language, t } from '../i18n/index.js';
import { ChatElement } from './chat-element.js';
import { h } from './dom.js';

/** @import { Language } from '../i18n/index.js' */

/** Each language by its own name. @type {{ language: Language, label: string, name: string }[]} */
const CHOICES = [
  { language: 'en', label: 'EN', name: 'English' },
  { language: 'zh-CN', label: '中文', name: '中文' },
];

export class LanguageSwitch extends ChatElement {
  build() {
    this.append(
      h(
        'div',
        { class: 'language-switch', role: 'group', 'aria-label': t.languageLabel },
        ...CHOICES.map((choice) => h('button', {
          type: 'button', lang: choice.language, title: choice.name,
          'aria-pressed': String(choice.language === language), 'data-language': choice.language,
          click: () => this.chat.chooseLanguage(choice.language),
        }, choice.label)),
      ),
    );
  }
}

customElements.define('language-switch', LanguageSwitch);
