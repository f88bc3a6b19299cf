/**
 * Rooms and people, which lie beside the conversation where there is space, and otherwise slide in over it.
 *
 * A closed drawer cannot be reached by keyboard or screen reader; an open one has them to itself.
 */

/** @typedef {'rooms' | 'people'} Drawer */

/** Where a panel is a drawer; the same widths as in styles/layout.css. */
const IS_DRAWER = {
  rooms: '(max-width: 47.99rem)',
  people: '(max-width: 68.99rem)',
};

export class Drawers {
  /** @type {Drawer | null} */
  open = null;
  #host;
  #panels;
  #behind;
  #cover;
  /** What had the focus before. @type {Element | null} */
  #opener = null;
  #queries = {
    rooms: window.matchMedia(IS_DRAWER.rooms),
    people: window.matchMedia(IS_DRAWER.people),
  };

  /**
   * @param {HTMLElement} host gets `data-drawer`
   * @param {Record<Drawer, HTMLElement>} panels
   * @param {HTMLElement[]} behind what lies under an open drawer
   * @param {(isCovered: boolean) => void} cover told whether there is an open drawer over it
   */
  constructor(host, panels, behind, cover) {
    this.#host = host;
    this.#panels = panels;
    this.#behind = behind;
    this.#cover = cover;
    this.#apply();
  }

  /** @param {(target: EventTarget, type: string, listener: (event: any) => void) => void} listen */
  attach(listen) {
    for (const query of Object.values(this.#queries)) listen(query, 'change', () => this.#apply());
    listen(document, 'keydown', (event) => {
      if (event.key !== 'Escape' || event.defaultPrevented || event.isComposing || this.open === null) return;
      if (event.target instanceof Element && event.target.closest('dialog') !== null) return; // the dialog's own
      event.preventDefault();
      this.close();
    });
  }

  /**
   * @param {Drawer} drawer
   * @param {HTMLElement} focus gets the keyboard
   */
  show(drawer, focus) {
    this.#opener = document.activeElement;
    this.open = drawer;
    this.#apply();
    focus.focus();
  }

  close() {
    if (this.open === null) return;
    this.open = null;
    this.#apply();
    if (this.#opener instanceof HTMLElement) this.#opener.focus();
    this.#opener = null;
  }

  #apply() {
    if (this.open !== null && !this.#queries[this.open].matches) this.open = null; // there is space beside the conversation now
    this.#host.dataset.drawer = this.open ?? 'none';
    this.#cover(this.open !== null);
    for (const element of this.#behind) element.inert = this.open !== null;
    for (const drawer of /** @type {const} */ (['rooms', 'people'])) {
      this.#panels[drawer].inert = this.open === null ? this.#queries[drawer].matches : this.open !== drawer;
    }
  }
}
