/** What one can do with a message: a small menu beside it, or at the foot of a small screen. */

import { t } from '../i18n/index.js';
import { nameOf } from '../text/emoji.js';
import { h } from './dom.js';
import { emojiPicker } from './emoji-picker.js';
import { icon } from './icons.js';

/** @import { Message } from '../net/frames.js' */

/** Offered at once, besides those used last. */
const QUICK = ['👍', '❤️', '😂', '🎉', '👀', '🙏'];

/**
 * @typedef {object} Deeds
 * @property {(message: Message, emoji: string, on: boolean) => void} react
 * @property {(message: Message) => void} reply
 * @property {(message: Message) => void} edit
 * @property {(message: Message) => Promise<boolean>} copyLink
 * @property {(message: Message) => void} markUnread
 * @property {(message: Message) => void} remove
 * @property {() => string[]} recent emoji
 */

/** What this person may do to it besides: `write` says whether anything can be written there at all. @typedef {{ write: boolean, edit: boolean, remove: boolean, mark: boolean }} Rights */

export class MessageMenu {
  #deeds;
  /** @type {HTMLElement | null} */
  #element = null;
  /** What had the focus before. @type {HTMLElement | null} */
  #opener = null;

  /** @param {Deeds} deeds */
  constructor(deeds) {
    this.#deeds = deeds;
    document.addEventListener('pointerdown', (event) => {
      if (this.#element !== null && event.target instanceof Node && !this.#element.contains(event.target)) this.close(false);
    });
  }

  get isOpen() {
    return this.#element?.isConnected ?? false;
  }

  /**
   * @param {HTMLElement} li
   * @param {Message} message
   * @param {Rights} rights
   * @param {HTMLElement} opener gets the focus back
   */
  open(li, message, rights, opener) {
    this.close(false);
    this.#opener = opener;
    const element = h('div', { class: 'message-menu', role: 'menu', 'aria-label': t.messageActions(message.from) });
    element.addEventListener('keydown', (event) => this.#keyDown(event));
    this.#element = element;
    this.#showActions(message, rights);
    const box = li.getBoundingClientRect();
    element.classList.toggle('upward', box.top > window.innerHeight / 2);
    li.append(element);
    this.#focusFirst();
  }

  /** @param {boolean} [giveBack] the focus */
  close(giveBack = true) {
    this.#element?.remove();
    this.#element = null;
    if (giveBack && this.#opener?.isConnected) this.#opener.focus();
    this.#opener = null;
  }

  /** @param {Message} message @param {Rights} rights */
  #showActions(message, rights) {
    const { reply, edit } = this.#deeds;
    const quick = [...new Set([...this.#deeds.recent(), ...QUICK])].slice(0, QUICK.length);
    const mine = (/** @type {string} */ emoji) => message.reactions.some((reaction) => reaction.emoji === emoji && reaction.mine);
    const react = (/** @type {string} */ emoji) => {
      this.close();
      this.#deeds.react(message, emoji, !mine(emoji));
    };
    const emoji = quick.map((one) => h(
      'button',
      { type: 'button', class: 'emoji', role: 'menuitemcheckbox', 'aria-checked': String(mine(one)), 'aria-label': nameOf(one), title: nameOf(one), click: () => react(one) },
      one,
    ));
    const more = h('button', { type: 'button', class: 'emoji more-emoji', role: 'menuitem', 'aria-label': t.moreEmoji, title: t.moreEmoji, click: () => this.#showPicker(react) }, icon('smile'));
    const copy = async () => {
      const done = await this.#deeds.copyLink(message);
      if (done) this.close();
    };
    this.#fill(
      'menu',
      rights.write && h('div', { class: 'menu-emoji', role: 'group', 'aria-label': t.react }, ...emoji, more),
      rights.write && item('reply', t.reply, () => { this.close(false); reply(message); }),
      rights.edit && item('pencil', t.edit, () => { this.close(false); edit(message); }),
      rights.mark && item('unread', t.markUnread, () => { this.close(); this.#deeds.markUnread(message); }),
      item('link', t.copyLink, copy),
      rights.remove && item('trash', t.deleteMessage, () => this.#confirm(message), 'danger'),
    );
  }

  /** @param {(emoji: string) => void} react */
  #showPicker(react) {
    this.#fill('dialog', emojiPicker(this.#deeds.recent(), react));
    this.#focusFirst();
  }

  /** @param {Message} message */
  #confirm(message) {
    this.#fill(
      'alertdialog',
      h('p', { class: 'menu-question' }, t.deleteQuestion),
      h(
        'div',
        { class: 'row' },
        h('button', { type: 'button', class: 'button small danger', click: () => { this.close(); this.#deeds.remove(message); } }, t.deleteMessage),
        h('button', { type: 'button', class: 'button small', click: () => this.close() }, t.cancel),
      ),
    );
    this.#focusFirst();
  }

  /** @param {string} role @param {...(Node | false)} children */
  #fill(role, ...children) {
    this.#element?.setAttribute('role', role);
    this.#element?.replaceChildren(...children.filter((child) => child !== false));
  }

  #focusFirst() {
    const first = this.#element?.querySelector('button[tabindex="0"], button:not([tabindex])');
    if (first instanceof HTMLElement) first.focus({ preventScroll: true });
    this.#element?.scrollIntoView({ block: 'nearest' });
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    if (event.key === 'Escape') {
      event.preventDefault();
      event.stopPropagation();
      this.close();
    } else if (event.key === 'Tab' && this.#element?.getAttribute('role') === 'menu') {
      event.preventDefault();
      this.#step(event.shiftKey ? -1 : 1);
    } else if (this.#element?.getAttribute('role') === 'menu') {
      const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.#step(step);
    }
  }

  /** @param {number} step */
  #step(step) {
    const all = /** @type {HTMLElement[]} */ ([...(this.#element?.querySelectorAll('button') ?? [])]);
    const at = all.findIndex((button) => button === document.activeElement);
    all[(at + step + all.length) % all.length]?.focus();
  }
}

/**
 * @param {'reply' | 'pencil' | 'unread' | 'link' | 'trash'} picture
 * @param {string} label
 * @param {() => void} act
 * @param {string} [kind]
 */
function item(picture, label, act, kind) {
  return h('button', { type: 'button', class: kind === undefined ? 'menu-item' : `menu-item ${kind}`, role: 'menuitem', click: act }, icon(picture), h('span', {}, label));
}
