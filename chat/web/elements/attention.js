/** Whether somebody sees the conversation: the page is in front of them, they are at it, and nothing lies over it. */

export class Attention {
  #isAway = false;
  #isCovered = false;
  #sees;
  /** @type {Set<() => void>} */
  #listeners = new Set();

  constructor() {
    this.#sees = this.#look();
    document.addEventListener('visibilitychange', () => this.#follow());
    // A page can be visible beside the window in which one works.
    for (const type of ['focus', 'blur']) window.addEventListener(type, () => this.#follow());
  }

  get sees() {
    return this.#look();
  }

  /** Nothing has been done on the page for long. @param {boolean} isAway */
  set isAway(isAway) {
    this.#isAway = isAway;
    this.#follow();
  }

  /** A drawer lies over the conversation. @param {boolean} isCovered */
  set isCovered(isCovered) {
    this.#isCovered = isCovered;
    this.#follow();
  }

  /** @param {() => void} listener called when it is not as it was */
  onChange(listener) {
    this.#listeners.add(listener);
  }

  #look() {
    return document.visibilityState === 'visible' && document.hasFocus() && !this.#isAway && !this.#isCovered;
  }

  #follow() {
    const sees = this.#look();
    if (sees === this.#sees) return;
    this.#sees = sees;
    for (const listener of this.#listeners) listener();
  }
}
