/** Searches while one types: only the answer to the latest query counts. */

import { Refusal } from './requests.js';

/** @import { Frame, Hit, Request } from './frames.js' */
/** @import { Surroundings } from './connection.js' */
/** @import { Problem } from '../state/store.js' */

/** Results in an answer. */
const PAGE = 20;

/** What is searched for. `after` and `before` are times in milliseconds since 1970. @typedef {{ text: string, room?: string, from?: string, after?: number, before?: number }} Wanted */

export class Searcher {
  /** The newest first. @type {readonly Hit[]} */
  hits = [];
  /** There is more to be found. */
  more = false;
  /** @type {'idle' | 'searching' | 'done' | 'failed'} */
  state = 'idle';
  /** Why it failed. @type {Problem | null} */
  problem = null;

  #ask;
  #surroundings;
  #changed;
  /** @type {Wanted | null} */
  #wanted = null;
  /** Where the next page begins. @type {string | undefined} */
  #cursor;
  /** Counts the queries: answers to earlier ones are dropped. */
  #round = 0;
  #timer = 0;

  /**
   * @param {(request: Request) => Promise<Frame>} ask
   * @param {Pick<Surroundings, 'setTimer' | 'clearTimer'>} surroundings
   * @param {() => void} changed
   */
  constructor(ask, surroundings, changed) {
    this.#ask = ask;
    this.#surroundings = surroundings;
    this.#changed = changed;
  }

  /**
   * @param {Wanted | null} wanted null: nothing
   * @param {number} [delay] milliseconds in which something else may be wanted; at once the same is looked for again, too: there may be more by now
   */
  look(wanted, delay = 0) {
    if (JSON.stringify(wanted) === JSON.stringify(this.#wanted) && this.state !== 'failed' && delay > 0) return;
    this.#wanted = wanted;
    this.#round += 1;
    this.#surroundings.clearTimer(this.#timer);
    this.problem = null;
    if (wanted === null) {
      this.hits = [];
      this.more = false;
      this.state = 'idle';
    } else {
      // The earlier results stay until there are new ones.
      this.state = 'searching';
      this.#begin(delay, undefined);
    }
    this.#changed();
  }

  /** The next page of results. */
  next() {
    if (this.state === 'searching' || !this.more) return;
    this.state = 'searching';
    this.problem = null;
    this.#begin(0, this.#cursor);
    this.#changed();
  }

  /** Once more, after it failed. */
  retry() {
    if (this.state !== 'failed' || this.#wanted === null) return;
    this.state = 'searching';
    this.problem = null;
    this.#begin(0, this.hits.length > 0 ? this.#cursor : undefined);
    this.#changed();
  }

  /**
   * @param {number} delay
   * @param {string | undefined} cursor
   */
  #begin(delay, cursor) {
    const round = this.#round;
    if (delay === 0) this.#search(round, cursor);
    else this.#timer = this.#surroundings.setTimer(() => this.#search(round, cursor), delay);
  }

  /**
   * @param {number} round
   * @param {string | undefined} cursor
   */
  async #search(round, cursor) {
    const wanted = this.#wanted;
    if (wanted === null) return;
    try {
      const answer = await this.#ask({ type: 'search', ...wanted, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
      if (round !== this.#round || answer.type !== 'found') return;
      this.hits = cursor === undefined ? answer.hits : [...this.hits, ...answer.hits];
      this.more = answer.more;
      this.#cursor = answer.cursor;
      this.state = 'done';
    } catch (error) {
      if (round !== this.#round) return;
      if (error instanceof Refusal && (error.code === 'rate_limited' || error.code === 'busy') && error.retryAfterMs !== undefined) {
        this.#begin(error.retryAfterMs, cursor);
        return;
      }
      if (cursor === undefined) {
        this.hits = [];
        this.more = false;
      }
      this.state = 'failed';
      this.problem = error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' };
    }
    this.#changed();
  }
}
