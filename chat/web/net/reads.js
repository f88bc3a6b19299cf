/** Tells the server how far this person has read: not more often than is useful, again after a reconnect, and the last word counts. */

import { Refusal } from './requests.js';

/** @import { Surroundings } from './connection.js' */
/** @import { Frame, ReadFrame, Request } from './frames.js' */
/** @import { Room } from '../state/room.js' */
/** @import { Store } from '../state/store.js' */

/** Between one time and the next, in milliseconds. */
const EVERY_MS = 1_500;

export class Reads {
  #store;
  #surroundings;
  #ask;
  /** @type {number | null} */
  #timer = null;
  /** Rooms of which the server does not know it yet. @type {Set<Room>} */
  #untold = new Set();

  /**
   * @param {Store} store
   * @param {Pick<Surroundings, 'setTimer'>} surroundings
   * @param {(request: Request) => Promise<Frame>} ask
   */
  constructor(store, surroundings, ask) {
    this.#store = store;
    this.#surroundings = surroundings;
    this.#ask = ask;
  }

  /** Another position in a room. @param {Room} room */
  moved(room) {
    if (!room.member) return;
    this.#untold.add(room);
    if (this.#timer === null) this.flush();
  }

  /** A message, and what follows it, is to be unread. @param {Room} room @param {number} seq */
  markUnread(room, seq) {
    room.held = true;
    room.read = seq - 1;
    this.#untold.add(room);
    this.flush();
    this.#store.changed();
  }

  /** Tells what is to be told, if that is possible now. */
  flush() {
    if (!this.#store.link.ready || this.#untold.size === 0) return;
    for (const room of this.#untold) this.#tell(room);
    this.#untold.clear();
    this.#wait(EVERY_MS);
  }

  /** The server's word: of this person, or of another one in a direct conversation. @param {ReadFrame} frame */
  received({ id, room: key, seq, mentions, person }) {
    const room = this.#store.rooms.get(key);
    if (room === undefined) return;
    if (person !== undefined && person !== this.#store.self?.id) room.reads.set(person, seq);
    // One's own answer is of what was told then; it may be more by now.
    else if (id === undefined) room.stand({ member: true, read: seq, mentions });
    else {
      room.confirmed = seq;
      if (room.read === seq) room.mentions = mentions;
    }
  }

  /** @param {Room} room */
  async #tell(room) {
    const { key, read } = room;
    if (!room.member || read === null || read === room.confirmed) return;
    try {
      await this.#ask({ type: 'read', room: key, seq: read });
    } catch (error) {
      if (error instanceof Refusal && error.code !== 'rate_limited' && error.code !== 'busy') return;
      this.#untold.add(room);
      if (error instanceof Refusal) this.#wait(error.retryAfterMs ?? EVERY_MS);
    }
  }

  /** @param {number} milliseconds */
  #wait(milliseconds) {
    this.#timer ??= this.#surroundings.setTimer(() => {
      this.#timer = null;
      this.flush();
    }, milliseconds);
  }
}
