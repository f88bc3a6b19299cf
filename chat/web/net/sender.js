/**
 * Sends what waits in the outbox: everything at once, until the server says that this is too fast. From then on one message at
 * a time, the oldest first, each when the one before has arrived, until nothing waits any more.
 */

/** @import { Surroundings } from './connection.js' */
/** @import { Outbox, Outgoing } from '../state/outbox.js' */
/** @import { Store } from '../state/store.js' */

/** How long to wait where the server does not say it, in milliseconds. */
const WAIT_MS = 1_000;

export class Sender {
  #store;
  #outbox;
  #surroundings;
  #send;
  /** Until when nothing is sent. @type {number | null} */
  #timer = null;

  /**
   * @param {Store} store
   * @param {Outbox} outbox
   * @param {Pick<Surroundings, 'setTimer' | 'clearTimer'>} surroundings
   * @param {(outgoing: Outgoing) => boolean} send false when there is no connection
   */
  constructor(store, outbox, surroundings, send) {
    this.#store = store;
    this.#outbox = outbox;
    this.#surroundings = surroundings;
    this.#send = send;
  }

  /** Sends what waits and may go. */
  flush() {
    if (this.#store.slowed) {
      this.#next();
      return;
    }
    for (const outgoing of this.#outbox.all()) {
      if (this.#mayGo(outgoing) && !this.#dispatch(outgoing)) return;
    }
  }

  /**
   * The server has refused a message because it came too soon.
   * @param {string} id
   * @param {number | undefined} retryAfterMs
   */
  tooFast(id, retryAfterMs) {
    this.#outbox.retry(id);
    this.#store.slowed = true;
    this.#timer ??= this.#surroundings.setTimer(() => {
      this.#timer = null;
      this.#next();
    }, retryAfterMs ?? WAIT_MS);
  }

  /** A message has been answered, or will not be. */
  answered() {
    if (this.#store.slowed) this.#next();
  }

  connectionLost() {
    if (this.#timer !== null) this.#surroundings.clearTimer(this.#timer);
    this.#timer = null;
    this.#store.slowed = false;
  }

  #next() {
    const all = this.#outbox.all();
    if (this.#timer !== null || all.some(({ state }) => state === 'sent')) return;
    const next = all.find((outgoing) => this.#mayGo(outgoing));
    if (next !== undefined) this.#dispatch(next);
    else this.#store.slowed = false;
    this.#store.changed();
  }

  /** @param {Outgoing} outgoing */
  #mayGo({ state, room }) {
    return state === 'waiting' && this.#store.rooms.get(room)?.joined === true;
  }

  /** @param {Outgoing} outgoing */
  #dispatch(outgoing) {
    if (!this.#send(outgoing)) return false;
    this.#outbox.markSent(outgoing.id);
    return true;
  }
}
