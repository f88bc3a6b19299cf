/**
 * Keeps the children of an element in step with a list of items, each known by its key: what is there already stays the
 * same element, with its focus and its place; only what differs is touched.
 */

import { h } from './dom.js';

/**
 * @template Item
 * @typedef {object} Recipe
 * @property {(item: Item) => string} key no two items of a list have the same
 * @property {(item: Item) => string} look items of one key that look the same give the same string
 * @property {(li: HTMLLIElement, item: Item, fresh: boolean) => void} fill makes the contents anew
 */

/** @template Item */
export class KeyedList {
  /** @type {Map<string, { li: HTMLLIElement, look: string }>} */
  #entries = new Map();
  #parent;
  #recipe;

  /**
   * @param {HTMLElement} parent
   * @param {Recipe<Item>} recipe
   */
  constructor(parent, recipe) {
    this.#parent = parent;
    this.#recipe = recipe;
  }

  /** @param {string} key */
  find(key) {
    return this.#entries.get(key)?.li;
  }

  clear() {
    this.#entries.clear();
    this.#parent.replaceChildren();
  }

  /** @param {Item[]} items */
  show(items) {
    const { key: keyOf, look: lookOf, fill } = this.#recipe;
    const keys = new Set(items.map(keyOf));
    for (const [key, { li }] of this.#entries) {
      if (keys.has(key)) continue;
      li.remove();
      this.#entries.delete(key);
    }
    let cursor = this.#parent.firstChild;
    for (const item of items) {
      const key = keyOf(item);
      const look = lookOf(item);
      let entry = this.#entries.get(key);
      if (entry === undefined) {
        entry = { li: h('li'), look };
        this.#entries.set(key, entry);
        fill(entry.li, item, true);
      } else if (entry.look !== look) {
        entry.look = look;
        fill(entry.li, item, false);
      }
      if (entry.li === cursor) cursor = cursor.nextSibling;
      else this.#parent.insertBefore(entry.li, cursor);
    }
  }
}
