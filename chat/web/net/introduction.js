/** Says who one is, first on every connection, and knows what the server made of it. */

import { Refusal } from './requests.js';

/** @import { Frame, Request, WelcomeFrame } from './frames.js' */
/** @import { Surroundings } from './connection.js' */
/** @import { Self } from './account.js' */
/** @import { Memory } from '../state/memory.js' */
/** @import { Problem, Store } from '../state/store.js' */

/** Who has come with too many others tries again after this many milliseconds, unless the server knows better; up to twice that. */
const RETRY_MS = 2_000;

/**
 * @typedef {object} IntroductionParts
 * @property {Store} store
 * @property {Memory} memory
 * @property {Surroundings} surroundings
 * @property {string} client
 * @property {(request: Request) => Promise<Frame>} ask
 * @property {() => void} again called when it is time to say it again
 * @property {() => void} onNobody called when the server knows one's name alone
 * @property {(next: number | null) => void} onEnd called when nothing here is of whoever comes next: the number of that person, where it is known
 */

export class Introduction {
  name = '';
  /** The name is to be said though the session has one: it is a new one. */
  isNewName = false;
  /** There was a session here, and it could not be asked whose it is: the name that is remembered may be an old one, and to say it would be to take it again. */
  isExpected = false;
  #store;
  #memory;
  #surroundings;
  #client;
  #ask;
  #again;
  #onNobody;
  #onEnd;
  /** The number of the person who is at this page. @type {number | null} */
  #person = null;

  /** @param {IntroductionParts} parts */
  constructor({ store, memory, surroundings, client, ask, again, onNobody, onEnd }) {
    this.#store = store;
    this.#memory = memory;
    this.#surroundings = surroundings;
    this.#client = client;
    this.#ask = ask;
    this.#again = again;
    this.#onNobody = onNobody;
    this.#onEnd = onEnd;
  }

  /** @param {string} text the name; empty: the session's */
  connect(text) {
    return this.#ask({ type: 'connect', text, client: this.#client });
  }

  say() {
    const isNobody = this.#store.self === null && !this.isExpected;
    const text = isNobody || this.isNewName ? this.name : '';
    this.connect(text).catch((error) => {
      if (!(error instanceof Refusal)) return;
      if (text === '' && error.code === 'bad_name') this.signedOut();
      else this.refused(error.problem);
      if (error.code === 'rate_limited') this.#later(error.retryAfterMs);
    });
  }

  /** Another name is needed. @param {Problem} problem */
  refused(problem) {
    this.#store.nameProblem = problem;
    this.#store.changed();
  }

  /** The session has ended: here, or elsewhere. Whoever comes next may be somebody else. */
  signedOut() {
    this.#store.self = null;
    this.isExpected = false;
    this.refused({ code: 'signed_out', sentence: '' });
    this.#onEnd(null);
  }

  /**
   * @param {WelcomeFrame} frame
   * @returns {boolean} false: it is for somebody else than was here before
   */
  welcomed(frame) {
    if (frame.person !== null && !this.recognises(frame.person)) return false;
    this.become(frame.name, frame.person);
    this.isNewName = false;
    this.isExpected = false;
    this.#store.nameProblem = null;
    if (frame.person === null) this.#onNobody();
    return true;
  }

  /** Is it who was here before, if anybody was? Otherwise all is for somebody else. @param {Self} person */
  recognises({ id }) {
    const before = this.#person ?? this.#memory.member;
    if (!Number.isNaN(before) && before !== id) {
      this.#onEnd(id);
      return false;
    }
    this.#person = id;
    return true;
  }

  /** @param {string} name @param {Self | null} self */
  become(name, self) {
    const before = this.#store.name;
    if (before !== '' && before !== name) for (const room of this.#store.rooms.values()) room.renameOwn(before, name);
    this.name = name;
    this.#memory.name = name;
    this.#store.name = name;
    this.#store.self = self;
  }

  /** Many have come at once, as after a restart of the server. @param {number | undefined} retryAfterMs */
  #later(retryAfterMs) {
    const { setTimer, random } = this.#surroundings;
    setTimer(this.#again, (retryAfterMs ?? RETRY_MS) * (1 + random()));
  }
}
