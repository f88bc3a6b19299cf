/** Goes to a room, or mentions a person, by some letters of the name. */

import { t } from '../i18n/index.js';
import { find } from '../state/finder.js';
import { ChatElement } from './chat-element.js';
import { CompositionWatch } from './composition.js';
import { bdi, h, setText } from './dom.js';
import { badge, face, presenceOf, sign } from './room-row.js';

/** @import { Found } from '../state/finder.js' */

export class QuickSwitcher extends ChatElement {
  #input = h('input', {
    id: 'switcher-input', class: 'field', type: 'text', role: 'combobox', 'aria-expanded': 'true', 'aria-controls': 'switcher-list', 'aria-autocomplete': 'list',
    'aria-label': t.goTo, placeholder: t.goToPlaceholder, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', dir: 'auto', enterkeyhint: 'go',
  });
  #list = h('ul', { id: 'switcher-list', class: 'switcher-list', role: 'listbox', 'aria-label': t.goTo });
  #count = h('p', { class: 'switcher-count hint', role: 'status' });
  #dialog = h('dialog', { class: 'dialog switcher', 'aria-label': t.goTo }, this.#input, this.#list, this.#count);
  #composition = new CompositionWatch(this.#input, navigator.userAgent);
  /** @type {Found[]} */
  #found = [];
  #at = 0;

  build() {
    this.append(this.#dialog);
    this.#input.addEventListener('input', () => this.#search());
    this.#input.addEventListener('keydown', (event) => this.#keyDown(event));
    // Escape ends what is being composed, not the dialog.
    this.#dialog.addEventListener('cancel', (event) => { if (this.#composition.composing) event.preventDefault(); });
    this.#dialog.addEventListener('click', (event) => { if (event.target === this.#dialog) this.#dialog.close(); });
    // The keyboard stays where it is when an entry is pressed.
    this.#list.addEventListener('pointerdown', (event) => event.preventDefault());
  }

  get isOpen() {
    return this.#dialog.open;
  }

  open() {
    this.#input.value = '';
    this.#dialog.showModal();
    this.#search();
    this.#input.focus();
  }

  close() {
    this.#dialog.close();
  }

  #search() {
    const { store, memory } = this.chat;
    this.#found = find(this.#input.value, {
      rooms: store.rooms.values(), titleOf: (room) => this.chat.titleOf(room), recent: memory.recentRooms, current: store.current, self: store.name, names: store.names(),
    });
    const present = store.present();
    this.#list.replaceChildren(...this.#found.map((found, i) => this.#option(found, i, present)));
    setText(this.#count, this.#found.length === 0 ? t.nothingFound : t.found(this.#found.length));
    this.#count.classList.toggle('visually-hidden', this.#found.length > 0);
    this.#point(0);
  }

  /**
   * @param {Found} found
   * @param {number} i
   * @param {ReadonlySet<string>} present
   */
  #option(found, i, present) {
    const li = h('li', { id: `switcher-${i}`, class: 'switcher-option', role: 'option', 'aria-selected': 'false', click: () => this.#choose(found) });
    const name = bdi(found.title, 'room-name');
    if (found.kind === 'person') li.append(face(found.title, presenceOf(this.chat, found.title, present)), name, h('span', { class: 'tag' }, this.chat.store.self === null ? t.mention : t.talk));
    else li.append(sign(this.chat, found.room, present), name, ...badge(found.room, found.room.wanted ? found.room.unread : 0));
    return li;
  }

  /** @param {number} at */
  #point(at) {
    this.#list.children[this.#at]?.setAttribute('aria-selected', 'false');
    this.#at = at;
    const option = this.#list.children[at];
    option?.setAttribute('aria-selected', 'true');
    option?.scrollIntoView({ block: 'nearest' });
    if (option === undefined) this.#input.removeAttribute('aria-activedescendant');
    else this.#input.setAttribute('aria-activedescendant', option.id);
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    if (this.#composition.owns(event)) return;
    const last = this.#found.length - 1;
    const chosen = this.#found[this.#at];
    const to = { ArrowDown: this.#at === last ? 0 : this.#at + 1, ArrowUp: this.#at === 0 ? last : this.#at - 1 }[event.key];
    if (to !== undefined && !event.altKey && last >= 0) this.#point(to);
    else if (event.key === 'Enter' && chosen !== undefined) this.#choose(chosen);
    else return;
    event.preventDefault();
  }

  /** @param {Found} found */
  #choose(found) {
    this.#dialog.close();
    if (found.kind === 'person') {
      this.dispatchEvent(new CustomEvent(this.chat.store.self === null ? 'mention' : 'talk', { bubbles: true, detail: found.key }));
    } else {
      this.chat.session.show(found.key);
      this.dispatchEvent(new CustomEvent('chosen', { bubbles: true }));
    }
  }
}

customElements.define('quick-switcher', QuickSwitcher);
