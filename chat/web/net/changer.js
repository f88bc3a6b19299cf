/**
 * What this person does to messages that are there: reactions, other texts, deletions. Each is shown at once, sent until it is
 * answered, also after a reconnect (the server does nothing twice), and can be tried again if it was refused.
 */

import { Refusal } from './requests.js';

/** @import { Surroundings } from './connection.js' */
/** @import { Frame, Message, Request } from './frames.js' */
/** @import { Store } from '../state/store.js' */

/** How long to wait where the server does not say it, in milliseconds. */
const WAIT_MS = 1_000;

/** More unanswered ones than this are not taken. */
const PENDING_MAX = 200;

/**
 * `slot` is what two of them have in common of which only the later one counts.
 * @typedef {{ slot: string, request: Extract<Request, { type: 'edit' | 'delete' | 'react' }>, state: 'waiting' | 'sent' | 'failed', code: string, sentence: string }} PendingChange
 */

export class Changer {
  #store;
  #surroundings;
  #ask;
  /** @type {Map<string, PendingChange>} */
  #pending = new Map();

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

  /** What is not answered yet, of one room. @param {string} room @returns {PendingChange[]} */
  of(room) {
    return [...this.#pending.values()].filter(({ request }) => request.room === room);
  }

  /** @param {Pick<Message, 'room' | 'seq'>} message @param {string} text */
  edit({ room, seq }, text) {
    this.#add(`text:${room}:${seq}`, { type: 'edit', room, seq, text });
  }

  /** @param {Message} message */
  remove({ room, seq }) {
    this.#add(`text:${room}:${seq}`, { type: 'delete', room, seq });
  }

  /** @param {Message} message @param {string} emoji @param {boolean} on */
  react({ room, seq }, emoji, on) {
    this.#add(`emoji:${room}:${seq}:${emoji}`, { type: 'react', room, seq, emoji, on });
  }

  /** @param {string} slot */
  retry(slot) {
    const change = this.#pending.get(slot);
    if (change !== undefined) this.#add(slot, change.request);
  }

  /** @param {string} slot */
  discard(slot) {
    this.#pending.delete(slot);
    this.#store.changed();
  }

  /** Sends what waits and may go. */
  flush() {
    for (const change of this.#pending.values()) {
      if (change.state === 'waiting' && this.#store.rooms.get(change.request.room)?.joined === true) this.#send(change);
    }
  }

  connectionLost() {
    for (const change of this.#pending.values()) {
      if (change.state === 'sent') change.state = 'waiting';
    }
  }

  /** @param {string} slot @param {PendingChange['request']} request */
  #add(slot, request) {
    if (this.#pending.size >= PENDING_MAX && !this.#pending.has(slot)) {
      this.#store.problem = { code: 'outbox_full', sentence: '' };
    } else {
      this.#pending.delete(slot);
      this.#pending.set(slot, { slot, request, state: 'waiting', code: '', sentence: '' });
      this.flush();
    }
    this.#store.changed();
  }

  /** @param {PendingChange} change */
  async #send(change) {
    change.state = 'sent';
    try {
      await this.#ask(change.request);
      this.#settle(change);
    } catch (error) {
      if (error instanceof Refusal) this.#refused(change, error);
      else if (change.state === 'sent') change.state = 'waiting';
    }
    this.#store.changed();
  }

  /** @param {PendingChange} change */
  #settle(change) {
    if (this.#pending.get(change.slot) === change) this.#pending.delete(change.slot);
  }

  /** @param {PendingChange} change @param {Refusal} refusal */
  #refused(change, { code, sentence, retryAfterMs, problem }) {
    if (code === 'rate_limited' || code === 'busy') {
      this.#surroundings.setTimer(() => {
        if (change.state === 'sent') change.state = 'waiting';
        this.flush();
      }, retryAfterMs ?? WAIT_MS);
    } else if (change.request.type === 'react') {
      this.#settle(change);
      this.#store.problem = problem;
    } else {
      Object.assign(change, { state: 'failed', code, sentence });
    }
  }
}
