/** Pieces of a room's history, asked for one at a time. */

import { Refusal } from './requests.js';

/** @import { Frame, Message, Request } from './frames.js' */
/** @import { Room } from '../state/room.js' */
/** @import { Store } from '../state/store.js' */

export class Pages {
  #store;
  #ask;

  /**
   * @param {Store} store
   * @param {(request: Request) => Promise<Frame>} ask
   */
  constructor(store, ask) {
    this.#store = store;
    this.#ask = ask;
  }

  /** What is before the window. @param {Room} room */
  older(room) {
    const first = room.messages[0];
    if (!room.more || first === undefined) return;
    this.#load(room, 'older', first.seq, (messages, more) => room.prepend(messages, more));
  }

  /** What is behind the window, which does not reach the end of the room. @param {Room} room */
  newer(room) {
    if (room.atTail) return;
    const before = room.end + 1 + this.#store.limits.page;
    const seqThen = room.seq;
    this.#load(room, 'newer', before, async (messages, more) => {
      // A page of long messages may be cut at its older end: what is missing there comes first.
      let [page, rest] = [messages, more];
      while (rest && page[0] !== undefined && page[0].seq > room.end + 1) {
        const older = await this.#page(room, page[0].seq);
        if (older.messages.length === 0) break;
        page = [...older.messages, ...page];
        rest = older.more;
      }
      room.append(page, before, seqThen);
    });
  }

  /** The end of the room, in the place of a window that does not reach it. @param {Room} room */
  latest(room) {
    if (room.atTail) return;
    const seqThen = room.seq;
    this.#load(room, 'latest', seqThen + 1, (messages, more) => {
      const seqNow = room.seq;
      room.open(messages, more, seqThen);
      room.seq = Math.max(room.seq, seqNow);
    });
  }

  /**
   * The messages around one that is before or behind the window, in the place of the window.
   * @param {Room} room
   * @param {number} seq
   */
  around(room, seq) {
    const before = Math.min(seq + Math.ceil(this.#store.limits.page / 2), room.seq + 1);
    this.#load(room, 'around', before, (messages, more) => {
      if (messages.length > 0) room.openAt(messages, more);
    });
  }

  /**
   * The first message of a time, or after it; null if there is none.
   * @param {Room} room
   * @param {number} at milliseconds since 1970
   * @returns {Promise<number | null>}
   */
  async at(room, at) {
    try {
      const answer = await this.#ask({ type: 'history', room: room.key, at, limit: 1 });
      return (answer.type === 'history' ? answer.seq : undefined) ?? null;
    } catch (error) {
      this.#store.problem = error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' };
      this.#store.changed();
      throw error;
    }
  }

  /**
   * @param {Room} room
   * @param {'older' | 'newer' | 'latest' | 'around'} loading
   * @param {number} before
   * @param {(messages: Message[], more: boolean) => void | Promise<void>} apply
   */
  async #load(room, loading, before, apply) {
    if (room.loading !== null || !room.joined) return;
    room.expect(loading);
    room.problem = null;
    this.#store.changed();
    try {
      const { messages, more } = await this.#page(room, before);
      if (room.loading === loading) await apply(messages, more);
    } catch (error) {
      const isBefore = loading === 'older' || (loading === 'around' && before <= room.end);
      if (error instanceof Refusal) room.problem = { about: isBefore ? 'older' : 'newer', ...error.problem };
    }
    room.loading = null;
    this.#store.changed();
  }

  /**
   * @param {Room} room
   * @param {number} before
   * @returns {Promise<{ messages: Message[], more: boolean }>}
   */
  async #page(room, before) {
    const answer = await this.#ask({ type: 'history', room: room.key, before, limit: this.#store.limits.page });
    return answer.type === 'history' ? answer : { messages: [], more: false };
  }
}
