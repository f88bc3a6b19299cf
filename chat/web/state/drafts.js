/** What is written and not sent, by room, what it answers, and what takes the place of another text: it outlives the page. Whoever writes fast is not kept waiting by the storage. */

/** @import { Reply } from '../net/frames.js' */
/** @import { Memory } from './memory.js' */

/** An own message whose text is being changed: what it was when that began, and the text so far. @typedef {{ seq: number, from: string, data: string, text: string }} Edit */

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
  /** @type {Map<string, Reply>} */
  #replies;
  /** @type {Map<string, Edit>} */
  #edits;
  /** Changed since it was stored. @type {Set<string>} */
  #changed = new Set();

  /**
   * @param {Pick<Memory, 'drafts' | 'replies' | 'edits'>} memory
   * @param {(callback: () => void, milliseconds: number) => void} later
   */
  constructor(memory, later) {
    this.#memory = memory;
    this.#later = later;
    this.#texts = memory.drafts;
    this.#replies = memory.replies;
    this.#edits = memory.edits;
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
    this.#touch(room);
  }

  /** What the room's draft answers. @param {string} room */
  answered(room) {
    return this.#replies.get(room) ?? null;
  }

  /** @param {string} room @param {Reply | null} reply */
  answer(room, reply) {
    if (reply === this.answered(room)) return;
    if (reply === null) this.#replies.delete(room);
    else this.#replies.set(room, reply);
    this.#touch(room);
  }

  /** The message of the room whose text is being changed. @param {string} room */
  edited(room) {
    return this.#edits.get(room) ?? null;
  }

  /** @param {string} room @param {Edit | null} edit null: no message's any more */
  edit(room, edit) {
    if (edit === null ? !this.#edits.delete(room) : edit.text === this.#edits.get(room)?.text && edit.seq === this.#edits.get(room)?.seq) return;
    if (edit !== null) this.#edits.set(room, edit);
    this.#touch(room);
  }

  /** @param {string} room */
  #touch(room) {
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
    const { drafts: kept, replies, edits } = this.#memory;
    for (const room of this.#changed) {
      kept.delete(room);
      const text = this.get(room);
      if (text !== '' && text.length <= LENGTH_MAX) kept.set(room, text);
      replies.delete(room);
      const reply = this.answered(room);
      if (reply !== null) replies.set(room, reply);
      edits.delete(room);
      const edit = this.edited(room);
      if (edit !== null && edit.text.length + edit.data.length <= 2 * LENGTH_MAX) edits.set(room, edit);
    }
    this.#changed.clear();
    this.#memory.drafts = new Map([...kept].slice(-DRAFTS_MAX));
    this.#memory.replies = new Map([...replies].slice(-DRAFTS_MAX));
    this.#memory.edits = new Map([...edits].slice(-DRAFTS_MAX));
  }
}
