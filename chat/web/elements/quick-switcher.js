/** Goes to a room, or mentions a person, by some letters of the name. */

import { t } from '../i18n/index.js';
import { find } from '../state/finder.js';
import { ChatElement } from './chat-element.js';
import { Combobox } from './combobox.js';
import { bdi, h, setText } from './dom.js';
import { badge, face, presenceOf, sign } from './room-row.js';

/** @import { Presence } from '../net/frames.js' */
/** @import { Found } from '../state/finder.js' */

export class QuickSwitcher extends ChatElement {
  /** @type {Combobox<Found>} */
  #field = new Combobox({ prefix: 'switcher', label: t.goTo, placeholder: t.goToPlaceholder, listLabel: t.goTo, enterKey: 'go' }, (found) => this.#choose(found));
  #count = h('p', { class: 'switcher-count hint', role: 'status' });
  #dialog = h('dialog', { class: 'dialog switcher', 'aria-label': t.goTo }, this.#field.input, this.#field.list, this.#count);

  build() {
    this.append(this.#dialog);
    this.#field.input.addEventListener('input', () => this.#search());
    this.#field.input.addEventListener('keydown', (event) => { if (!this.#field.composition.owns(event)) this.#field.takes(event); });
    this.#field.composition.guard(this.#dialog);
    this.#dialog.addEventListener('click', (event) => { if (event.target === this.#dialog) this.#dialog.close(); });
  }

  get isOpen() {
    return this.#dialog.open;
  }

  open() {
    this.#field.input.value = '';
    this.#dialog.showModal();
    this.#search();
    this.#field.input.focus();
  }

  close() {
    this.#dialog.close();
  }

  #search() {
    const { store, memory } = this.chat;
    const found = find(this.#field.input.value, {
      rooms: store.rooms.values(), titleOf: (room) => this.chat.titleOf(room), recent: memory.recentRooms, current: store.current, self: store.name, names: store.names(),
    });
    const present = store.present();
    this.#field.offer(found.map((value) => ({ value, content: this.#show(value, present) })), 0);
    setText(this.#count, found.length === 0 ? t.nothingFound : t.found(found.length));
    this.#count.classList.toggle('visually-hidden', found.length > 0);
  }

  /**
   * @param {Found} found
   * @param {ReadonlyMap<string, Presence>} present
   * @returns {(Node | string)[]}
   */
  #show(found, present) {
    const name = bdi(found.title, 'room-name');
    if (found.kind === 'person') return [face(found.title, presenceOf(this.chat, { name: found.title }, present)), name, h('span', { class: 'tag' }, this.chat.store.self === null ? t.mention : t.talk)];
    return [sign(this.chat, found.room, present), name, ...badge(found.room, found.room.wanted ? found.room.unread : 0)];
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
