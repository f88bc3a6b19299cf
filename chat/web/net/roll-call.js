/**
 * Asks who is in a room, when our list and the server's count do not agree any more: a while later, so that many reasons make
 * one question, and at some moment of it, so that not all members ask at once.
 */

/** @import { Frame, Request } from './frames.js' */
/** @import { Surroundings } from './connection.js' */
/** @import { Room } from '../state/room.js' */
/** @import { Store } from '../state/store.js' */

/** How long to wait before asking, in milliseconds; up to twice that. */
const WAIT_MS = 2_000;

/** In a room with more people than this, the list may be a little wrong: to ask would cost more than it is worth. */
const CHECKED_MAX = 500;

export class RollCall {
  #store;
  #surroundings;
  #ask;
  /** @type {number | null} */
  #timer = null;

  /**
   * @param {Store} store
   * @param {Pick<Surroundings, 'setTimer' | 'random'>} surroundings
   * @param {(request: Request) => Promise<Frame>} ask
   */
  constructor(store, surroundings, ask) {
    this.#store = store;
    this.#surroundings = surroundings;
    this.#ask = ask;
  }

  /** @param {Room} room whose list or count has changed */
  check(room) {
    if (room.people.length === room.members || room.members > CHECKED_MAX) return;
    if (this.#timer !== null || room.key !== this.#store.current) return;
    const { setTimer, random } = this.#surroundings;
    this.#timer = setTimer(() => {
      this.#timer = null;
      if (room.joined) this.#ask({ type: 'who', room: room.key }).catch(() => {}); // asked again for the next reason
    }, WAIT_MS * (1 + random()));
  }
}
