/**
 * Where one is in a conversation, kept while things are put in above and below.
 *
 * At the bottom one stays at the bottom. Anywhere else, what one looks at stays where it is on the screen: its place is
 * measured before the change and after it, and the difference is scrolled. (The style sheet turns the browser's own scroll
 * anchoring off, which not every browser has.) The same holds when what was above the screen is put into the document, and
 * is not as high as was guessed.
 */

/** @import { VirtualList } from './virtual-list.js' */

/** Closer to the end than this, in pixels, is at the bottom. */
const BOTTOM_WITHIN = 40;

/** The most items that are remembered, in case the first of them go. */
const MARKS = 12;

/** What one goes to is shown below this part of the screen. */
const GO_TO_AT = 0.2;

export class Place {
  /** Whether to follow what comes in. */
  atBottom = true;
  /** Whether what is below belongs to the list already; otherwise nobody follows it unasked. */
  hasEnd = true;
  #scroller;
  #list;
  #items;
  /** The heights for which the place was last right, and how far the list was scrolled then. */
  #scrollHeight = 0;
  #clientHeight = 0;
  #scrollTop = 0;
  /** What is seen, and where its lower edge is. @type {{ key: string, bottom: number }[]} */
  #marks = [];

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} list its children are in order from top to bottom
   * @param {VirtualList<any>} items what puts them there
   */
  constructor(scroller, list, items) {
    this.#scroller = scroller;
    this.#list = list;
    this.#items = items;
  }

  /** How far it is to the top, in pixels. */
  get above() {
    return this.#scroller.scrollTop;
  }

  /** How far it is to the bottom, in pixels. */
  get below() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  toBottom() {
    this.atBottom = true;
    this.#restore();
  }

  /**
   * Scrolls an item into view, and puts it into the document.
   * @param {string} key
   * @returns {HTMLLIElement | undefined} its element; undefined if there is no such item
   */
  goTo(key) {
    if (!this.#items.has(key)) return undefined;
    this.atBottom = false;
    this.#marks = [{ key, bottom: this.#scroller.clientHeight * GO_TO_AT }];
    this.#restore();
    const li = this.#items.find(key);
    const hidden = li === undefined ? 0 : this.#origin() - li.getBoundingClientRect().top;
    if (hidden > 0) {
      // It is higher than that: it is shown from its beginning.
      this.#marks = [{ key, bottom: this.#scroller.clientHeight * GO_TO_AT + hidden }];
      this.#restore();
    }
    this.scrolled();
    return this.#items.find(key);
  }

  /** The place is another one now: the person has scrolled, or a change of heights has moved things. */
  scrolled() {
    const { scrollHeight, clientHeight } = this.#scroller;
    const isAsHigh = scrollHeight === this.#scrollHeight && clientHeight === this.#clientHeight;
    if (!isAsHigh && !this.#hasMoved()) {
      this.#restore();
      return;
    }
    this.#follow();
    if (this.#items.covers(this.#items.scrolled)) return;
    this.#restore();
    this.#mark();
  }

  /**
   * Changes the list without moving what is seen of it.
   * @param {() => void} change
   */
  keep(change) {
    if (this.#hasMoved()) this.#follow();
    else if (!this.atBottom) this.#mark();
    change();
    this.#restore();
  }

  /** Sizes have changed: back to the bottom, or to what was seen. */
  settle() {
    if (this.#hasMoved()) this.#follow();
    this.#restore();
  }

  /**
   * Whether the person has scrolled since the place was last right; the event that tells it may be still to come. Heights that change do not
   * scroll by themselves, but for a list that has become shorter than it was scrolled.
   */
  #hasMoved() {
    const moved = this.#scroller.scrollTop - this.#scrollTop;
    return moved > 1 || (moved < -1 && this.below > 1);
  }

  /** Where the person has scrolled to is the place. */
  #follow() {
    this.atBottom = this.hasEnd && this.below < BOTTOM_WITHIN;
    this.#mark();
    this.#note();
  }

  #restore() {
    const mark = this.#marks.find(({ key }) => this.#items.has(key));
    if (this.atBottom) {
      this.#items.arrange(() => this.#items.endTop);
      this.#scroller.scrollTop = this.#scroller.scrollHeight;
    } else if (mark === undefined) {
      this.#items.arrange(() => this.#items.scrolled);
    } else {
      this.#items.arrange(() => this.#items.bottomOf(mark.key) - mark.bottom);
      const bottom = this.#items.find(mark.key)?.getBoundingClientRect().bottom;
      const moved = bottom === undefined ? 0 : bottom - this.#origin() - mark.bottom;
      if (Math.abs(moved) >= 0.5) this.#scroller.scrollTop += moved;
    }
    this.#note();
  }

  #note() {
    const { scrollHeight, clientHeight, scrollTop } = this.#scroller;
    this.#scrollHeight = scrollHeight;
    this.#clientHeight = clientHeight;
    this.#scrollTop = scrollTop;
  }

  /** The `seq` of the first message that is seen. @returns {number | null} */
  seq() {
    for (const { key } of this.#marks) {
      const seq = this.#items.find(key)?.dataset.seq;
      if (seq !== undefined) return Number(seq);
    }
    return null;
  }

  /**
   * Whether an item is above the screen, below it, or on it.
   * @param {string} key
   * @returns {'above' | 'here' | 'below' | null} null if there is no such item
   */
  sideOf(key) {
    if (!this.#items.has(key)) return null;
    const bottom = this.#items.find(key)?.getBoundingClientRect().bottom;
    const at = bottom === undefined ? this.#items.bottomOf(key) - this.#items.scrolled : bottom - this.#origin();
    return at <= 0 ? 'above' : at > this.#scroller.clientHeight ? 'below' : 'here';
  }

  #mark() {
    const origin = this.#origin();
    const { children } = this.#list;
    const first = firstBelow(children, origin);
    this.#marks = [];
    for (let i = first; i < Math.min(first + MARKS, children.length); i += 1) {
      const element = /** @type {Element} */ (children[i]);
      const { top, bottom } = element.getBoundingClientRect();
      if (top > origin + this.#scroller.clientHeight) return; // nothing of it is seen
      this.#marks.push({ key: this.#items.keyOf(element) ?? '', bottom: bottom - origin });
    }
  }

  #origin() {
    return this.#scroller.getBoundingClientRect().top;
  }
}

/**
 * The index of the first element whose lower edge is below a line, by halving.
 * @param {HTMLCollection} elements
 * @param {number} line
 */
function firstBelow(elements, line) {
  let low = 0;
  let high = elements.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (/** @type {Element} */ (elements[middle]).getBoundingClientRect().bottom > line) high = middle;
    else low = middle + 1;
  }
  return low;
}
