/** Among the messages by keyboard and by finger: one of them can be reached by Tab, arrows go on from there; a long press opens. */

/** A finger that stays for so long, in milliseconds, wants the menu. */
const LONG_PRESS_MS = 500;

/** … and has not moved farther than this, in pixels. */
const SLACK = 10;

export class MessageKeys {
  #list;
  #timer = 0;
  #from = { x: 0, y: 0 };

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  /** @param {(target: EventTarget, type: string, listener: (event: any) => void) => void} listen */
  attach(listen) {
    listen(this.#list, 'keydown', (/** @type {KeyboardEvent} */ event) => this.#keyDown(event));
    listen(this.#list, 'focusin', (/** @type {FocusEvent} */ event) => this.#reach(event.target));
    const observer = new MutationObserver(() => this.#reach(null));
    observer.observe(this.#list, { childList: true });
    listen(this.#list, 'pointerdown', (/** @type {PointerEvent} */ event) => this.#press(event));
    for (const type of ['pointerup', 'pointercancel', 'scroll']) listen(window, type, () => clearTimeout(this.#timer));
    listen(this.#list, 'pointermove', (/** @type {PointerEvent} */ event) => {
      if (Math.hypot(event.clientX - this.#from.x, event.clientY - this.#from.y) > SLACK) clearTimeout(this.#timer);
    });
  }

  #buttons() {
    return /** @type {HTMLElement[]} */ ([...this.#list.querySelectorAll('.message-more')]);
  }

  /** Tab leads to the one that had the focus last, or to the newest. @param {EventTarget | null} target */
  #reach(target) {
    const all = this.#buttons();
    const reached = all.find((button) => button === target) ?? all.find((button) => button.tabIndex === 0) ?? all.at(-1);
    for (const button of all) if (button !== reached && button.tabIndex === 0) button.tabIndex = -1;
    if (target === null && !all.includes(/** @type {HTMLElement} */ (document.activeElement))) {
      for (const button of all) button.tabIndex = -1;
      const last = all.at(-1);
      if (last !== undefined) last.tabIndex = 0;
    } else if (reached !== undefined) {
      reached.tabIndex = 0;
    }
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    const all = this.#buttons();
    const at = all.indexOf(/** @type {HTMLElement} */ (event.target));
    const next = at < 0 ? undefined : { ArrowUp: all[at - 1], ArrowDown: all[at + 1], Home: all[0], End: all.at(-1) }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
  }

  /** @param {PointerEvent} event */
  #press(event) {
    clearTimeout(this.#timer);
    if (event.pointerType !== 'touch' || !(event.target instanceof Element) || event.target.closest('button, a, .message-menu') !== null) return;
    const button = event.target.closest('.message')?.querySelector('.message-more');
    if (!(button instanceof HTMLElement)) return;
    this.#from = { x: event.clientX, y: event.clientY };
    this.#timer = window.setTimeout(() => {
      button.click();
      releaseQuietly();
    }, LONG_PRESS_MS);
  }
}

/** When the finger that has opened the menu is lifted, it must not choose the entry that happens to lie under it. */
function releaseQuietly() {
  const swallow = (/** @type {MouseEvent} */ event) => {
    if (event.detail === 0) return; // not by a finger
    event.preventDefault();
    event.stopPropagation();
  };
  window.addEventListener('click', swallow, { capture: true });
  window.addEventListener('pointerdown', () => window.removeEventListener('click', swallow, { capture: true }), { capture: true, once: true });
}
