/**
 * A long list of which only what is near the visible part is in the document.
 *
 * In the place of what is above and below stand two empty boxes: their height is measured where an item was in the document
 * before, and guessed elsewhere by the average. Whoever uses the list sees to it that what is on the screen stays there when a guess
 * is mended (see place.js), or, where all rows are of one height, does not have to.
 */

import { h } from './dom.js';
import { KeyedList } from './keyed-list.js';

/**
 * @template Item
 * @typedef {import('./keyed-list.js').Recipe<Item> & { guess: number, counted?: boolean }} VirtualRecipe
 *   `guess`: the height of an item of which none was measured yet, in pixels. `counted`: each item says which one of how many
 *   it is, since a screen reader cannot count what is not in the document.
 */

/** So much more than what is visible is in the document, above and below, in heights of the visible part. */
const MARGIN = 3;

/** What has the focus, or is selected, stays in the document if no more items than this are between it and what is visible. */
const KEPT_WITHIN = 100;

/** Measuring shows that guesses were wrong, which shows other items, at most so often in a row. */
const ROUNDS_MAX = 5;

/** Heights of items that have gone are forgotten when there are so many of them. */
const FORGET_AT = 1_000;

/** @template Item */
export class VirtualList {
  #scroller;
  #list;
  #recipe;
  #rows;
  /** @type {readonly Item[]} */
  #items = [];
  /** @type {Map<string, number>} */
  #indexes = new Map();
  /** By key, in pixels, with the space to the item before. @type {Map<string, number>} */
  #heights = new Map();
  /** Where each item begins, and at the end where the list ends. */
  #tops = new Float64Array(1);
  /** The items in the document: from `#first` up to but not including `#end`; and the keys of what is there now. */
  #first = 0;
  #end = 0;
  /** @type {string[]} */
  #keys = [];
  #before = h('div', { class: 'spacer' });
  #after = h('div', { class: 'spacer' });
  /** Items may look different now. */
  #stale = false;

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} list in the scroller, or in a part of it
   * @param {VirtualRecipe<Item>} recipe
   */
  constructor(scroller, list, recipe) {
    this.#scroller = scroller;
    this.#list = list;
    this.#recipe = recipe;
    this.#rows = new KeyedList(list, recipe);
  }

  get length() {
    return this.#items.length;
  }

  /** The element of an item, if it is in the document. @param {string} key */
  find(key) {
    return this.#rows.find(key);
  }

  /** @param {string} key */
  has(key) {
    return this.#indexes.has(key);
  }

  /** The item whose element this is, or holds it. @param {Node | null} node @returns {string | null} */
  keyOf(node) {
    let child = node;
    while (child !== null && child.parentNode !== this.#list) child = child.parentNode;
    return child === null ? null : this.#keys[[...this.#list.children].indexOf(/** @type {Element} */ (child))] ?? null;
  }

  clear() {
    this.#heights.clear();
    this.#rows.clear();
    this.#keys = [];
    this.#first = this.#end = 0;
    this.show([]);
    this.#pad();
  }

  /** These are the items from now on; the document follows by `arrange`. @param {readonly Item[]} items */
  show(items) {
    this.#items = items;
    this.#indexes = new Map(items.map((item, index) => [this.#recipe.key(item), index]));
    if (this.#heights.size > items.length + FORGET_AT) {
      for (const key of this.#heights.keys()) if (!this.#indexes.has(key)) this.#heights.delete(key);
    }
    this.#stale = true;
    this.#layOut();
  }

  /** Whether everything that is visible when the list is scrolled to `top` is in the document. @param {number} top */
  covers(top) {
    const height = this.#viewHeight() * MARGIN / 2;
    const [first, end] = this.#range(top, height);
    return !this.#stale && first >= this.#first && end <= this.#end;
  }

  /**
   * Puts into the document what belongs there, and measures it.
   * @param {() => number} top how far the list is scrolled: asked again when a measurement has changed where things are
   */
  arrange(top) {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      if (this.covers(top())) {
        if (!this.#measure()) return;
        continue;
      }
      this.#render(...this.#range(top(), this.#viewHeight() * MARGIN));
      this.#measure();
    }
  }

  /** How far the list is scrolled now: what is above the visible part, in pixels. */
  get scrolled() {
    return this.#scroller.getBoundingClientRect().top - this.#list.getBoundingClientRect().top + this.#topAt(this.#first);
  }

  /** Where the list is to be scrolled to for its end to be seen. */
  get endTop() {
    return this.#topAt(this.#items.length) - this.#viewHeight();
  }

  /** Where an item ends, as far as is known, from the beginning of the list. @param {string} key */
  bottomOf(key) {
    return this.#topAt((this.#indexes.get(key) ?? -1) + 1);
  }

  /**
   * Scrolls until an item is visible, and puts it into the document.
   * @param {string} key
   * @returns {HTMLLIElement | undefined} its element
   */
  reveal(key) {
    const index = this.#indexes.get(key);
    if (index === undefined) return undefined;
    const height = this.#viewHeight();
    const outside = () => {
      const above = this.#topAt(index) - this.scrolled;
      const below = this.#topAt(index + 1) - this.scrolled - height;
      return above < 0 ? above : Math.max(0, below);
    };
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      const by = outside();
      if (by !== 0) this.#scroller.scrollTop += by;
      this.arrange(() => this.scrolled);
      if (Math.abs(outside()) < 1) break;
    }
    const li = this.find(key);
    li?.scrollIntoView({ block: 'nearest' });
    return li;
  }

  /**
   * For a list whose rows are all of about one height: keeps the document in step with scrolling.
   * @param {(target: EventTarget, type: string, listener: (event: any) => void, options?: AddEventListenerOptions) => void} listen
   * @param {(end: () => void) => void} whileConnected
   */
  follow(listen, whileConnected) {
    const arrange = () => this.arrange(() => this.scrolled);
    listen(this.#scroller, 'scroll', arrange, { passive: true });
    const observer = new ResizeObserver(arrange);
    observer.observe(this.#scroller);
    whileConnected(() => observer.disconnect());
  }

  #viewHeight() {
    return this.#scroller.clientHeight || window.innerHeight;
  }

  /** @param {number} index */
  #topAt(index) {
    return this.#tops[Math.max(0, Math.min(index, this.#items.length))] ?? 0;
  }

  /**
   * @param {number} top
   * @param {number} margin
   * @returns {[number, number]}
   */
  #range(top, margin) {
    const length = this.#items.length;
    const from = Math.min(Math.max(0, top), Math.max(0, this.endTop)) - margin;
    const to = from + this.#viewHeight() + 2 * margin;
    let first = Math.max(0, indexAt(this.#tops, length, from));
    let end = Math.min(length, indexAt(this.#tops, length, to) + 1);
    for (const key of this.#keptKeys()) {
      const index = this.#indexes.get(key);
      if (index === undefined || index < first - KEPT_WITHIN || index >= end + KEPT_WITHIN) continue;
      first = Math.min(first, index);
      end = Math.max(end, index + 1);
    }
    return [first, end];
  }

  /**
   * @param {number} first
   * @param {number} end
   */
  #render(first, end) {
    const shown = this.#items.slice(first, end);
    this.#stale = false;
    this.#first = first;
    this.#end = end;
    this.#keys = shown.map(this.#recipe.key);
    this.#rows.show(shown);
    if (this.#recipe.counted === true) {
      [...this.#list.children].forEach((li, i) => {
        li.setAttribute('aria-setsize', String(this.#items.length));
        li.setAttribute('aria-posinset', String(first + i + 1));
      });
    }
    this.#pad();
  }

  /** What has the focus stays, and so does what is selected: it must not be cut while one is at it. */
  #keptKeys() {
    const selection = document.getSelection();
    const nodes = selection === null || selection.isCollapsed ? [] : [selection.anchorNode, selection.focusNode];
    return [document.activeElement, ...nodes].map((node) => this.keyOf(node)).filter((key) => key !== null);
  }

  #pad() {
    this.#before.style.height = `${this.#topAt(this.#first)}px`;
    this.#after.style.height = `${this.#topAt(this.#items.length) - this.#topAt(this.#end)}px`;
    if (this.#list.previousSibling === this.#before) return;
    this.#list.before(this.#before);
    this.#list.after(this.#after);
  }

  /** @returns {boolean} whether something has another height than was thought */
  #measure() {
    let edge = this.#list.getBoundingClientRect().top;
    let changed = false;
    for (let i = this.#first; i < this.#end; i += 1) {
      const bottom = this.#list.children[i - this.#first]?.getBoundingClientRect().bottom ?? edge;
      const height = bottom - edge;
      edge = bottom;
      const key = this.#keys[i - this.#first] ?? '';
      const known = this.#heights.get(key);
      // The space above the first one is not what it is when there is another one before it.
      if (height <= 0 || (known !== undefined && (i === this.#first || Math.abs(known - height) < 0.5))) continue;
      this.#heights.set(key, height);
      changed = true;
    }
    if (changed) {
      this.#layOut();
      this.#pad();
    }
    return changed;
  }

  #layOut() {
    const { guess, key: keyOf } = this.#recipe;
    let sum = 0;
    for (const height of this.#heights.values()) sum += height;
    const average = this.#heights.size === 0 ? guess : sum / this.#heights.size;
    this.#tops = new Float64Array(this.#items.length + 1);
    this.#items.forEach((item, i) => {
      this.#tops[i + 1] = (this.#tops[i] ?? 0) + (this.#heights.get(keyOf(item)) ?? average);
    });
  }
}

/**
 * The last of the first `length` items that begins at or above `line`, by halving; 0 if there is none.
 * @param {Float64Array} tops
 * @param {number} length
 * @param {number} line
 */
function indexAt(tops, length, line) {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((tops[middle] ?? 0) <= line) low = middle;
    else high = middle - 1;
  }
  return Math.min(low, Math.max(0, length - 1));
}
