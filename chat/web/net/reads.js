/** Tells the server how far this person has read: at intervals, again after a reconnect, and always the latest position. */

import { Refusal } from './requests.js';

/** @import { Surroundings } from './connection.js' */
/** @import { Frame, ReadFrame, Request } from './frames.js' */
/** @import { Room } from '../state/room.js' */
/** @import { Store } from '../state/store.js' */

/** The interval, in milliseconds. */
const EVERY_MS = 1_500;

export class Reads {
  #store;
  #surroundings;
  #ask;
  /** @type {number | null} */
  #timer = null;
  /** Rooms of which the server does not know the position yet. @type {Set<Room>} */
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

  /** Sends the positions that the server does not know, if there is a connection. */
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
    // An answer to this page's own request says what was sent then; by now more may have been read.
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
