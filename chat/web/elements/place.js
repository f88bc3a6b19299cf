/**
 * Where one is in a conversation, kept while things are put in above and below.
 *
 * At the bottom one stays at the bottom. Anywhere else, what one looks at stays where it is on the screen: its place is
 * measured before the change and after it, and the difference is scrolled. (The style sheet turns the browser's own scroll
 * anchoring off, which not every browser has.)
 */

/** Closer to the end than this, in pixels, is at the bottom. */
const BOTTOM_WITHIN = 40;

/** The most elements that are remembered, in case the first of them go. */
const MARKS = 12;

export class Place {
  /** Whether to follow what comes in. */
  atBottom = true;
  #scroller;
  #list;
  /** The heights for which the place was last right. */
  #scrollHeight = 0;
  #clientHeight = 0;
  /** What is seen, and where its lower edge is. @type {{ element: Element, bottom: number }[]} */
  #marks = [];

  /**
   * @param {HTMLElement} scroller
   * @param {HTMLElement} list its children are in order from top to bottom
   */
  constructor(scroller, list) {
    this.#scroller = scroller;
    this.#list = list;
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
    this.settle();
  }

  /** The place is another one now: the person has scrolled, or a change of heights has moved things. */
  scrolled() {
    const { scrollHeight, clientHeight } = this.#scroller;
    if (scrollHeight !== this.#scrollHeight || clientHeight !== this.#clientHeight) {
      this.settle();
      return;
    }
    this.atBottom = this.below < BOTTOM_WITHIN;
    this.#mark();
  }

  /**
   * Changes the list without moving what is seen of it.
   * @param {() => void} change
   */
  keep(change) {
    if (!this.atBottom) this.#mark();
    change();
    this.settle();
  }

  /** Sizes have changed: back to the bottom, or to what was seen. */
  settle() {
    if (this.atBottom) {
      this.#scroller.scrollTop = this.#scroller.scrollHeight;
    } else {
      const mark = this.#marks.find(({ element }) => element.isConnected);
      const moved = mark === undefined ? 0 : mark.element.getBoundingClientRect().bottom - this.#origin() - mark.bottom;
      if (Math.abs(moved) >= 1) this.#scroller.scrollTop += moved;
    }
    this.#scrollHeight = this.#scroller.scrollHeight;
    this.#clientHeight = this.#scroller.clientHeight;
  }

  /** The `seq` of the first message that is seen. @returns {number | null} */
  seq() {
    for (const { element } of this.#marks) {
      if (element instanceof HTMLElement && element.dataset.seq !== undefined) return Number(element.dataset.seq);
    }
    return null;
  }

  #mark() {
    const origin = this.#origin();
    const children = this.#list.children;
    const first = firstBelow(children, origin);
    this.#marks = [];
    for (let i = first; i < Math.min(first + MARKS, children.length); i += 1) {
      const element = /** @type {Element} */ (children[i]);
      this.#marks.push({ element, bottom: element.getBoundingClientRect().bottom - origin });
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
