/** What is written and not sent, by room: it outlives the page. Whoever writes fast is not kept waiting by the storage. */

/** @import { Memory } from './memory.js' */

/** So many are kept, those that were written last; longer ones, in UTF-16 units, only until the page is closed. */
export const DRAFTS_MAX = 50;
const LENGTH_MAX = 20_000;

/** What is typed is stored after so many milliseconds, or when the page is left. */
const SAVE_AFTER_MS = 300;

export class Drafts {
  #memory;
  #later;
  /** @type {Map<string, string>} */
  #texts;
  /** Changed since it was stored. @type {Set<string>} */
  #changed = new Set();

  /**
   * @param {Pick<Memory, 'drafts'>} memory
   * @param {(callback: () => void, milliseconds: number) => void} later
   */
  constructor(memory, later) {
    this.#memory = memory;
    this.#later = later;
    this.#texts = memory.drafts;
  }

  /** @param {string} room */
  get(room) {
    return this.#texts.get(room) ?? '';
  }

  /** @param {string} room @param {string} text */
  set(room, text) {
    if (text === this.get(room)) return;
    if (text === '') this.#texts.delete(room);
    else this.#texts.set(room, text);
    if (this.#changed.size === 0) this.#later(() => this.save(), SAVE_AFTER_MS);
    this.#changed.add(room);
  }

  /** What was not stored yet is not to be. */
  forget() {
    this.#changed.clear();
  }

  /** Other tabs keep theirs in the same place: only what was written here is written anew. */
  save() {
    if (this.#changed.size === 0) return;
    const kept = this.#memory.drafts;
    for (const room of this.#changed) {
      kept.delete(room);
      const text = this.get(room);
      if (text !== '' && text.length <= LENGTH_MAX) kept.set(room, text);
    }
    this.#changed.clear();
    this.#memory.drafts = new Map([...kept].slice(-DRAFTS_MAX));
  }
}
