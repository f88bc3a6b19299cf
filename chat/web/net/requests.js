/** Requests that wait for their answer, by the `id` that the answer will carry. */

/** @import { ErrorFrame, Frame } from './frames.js' */
/** @import { Problem } from '../state/store.js' */

/** The server has said no. */
export class Refusal extends Error {
  /** @param {ErrorFrame} frame */
  constructor(frame) {
    super(frame.data);
    this.name = 'Refusal';
    this.code = frame.code;
    this.sentence = frame.data;
    this.room = frame.room;
    this.takenName = frame.name;
    this.retryAfterMs = frame.retryAfterMs;
  }

  /** As it is shown. @returns {Problem} */
  get problem() {
    const { code, sentence, takenName, retryAfterMs } = this;
    return { code, sentence, ...(takenName === undefined ? {} : { name: takenName }), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
}

/** The connection was lost, or never there: nobody has answered. */
export class Unanswered extends Error {
  constructor() {
    super('no answer');
    this.name = 'Unanswered';
  }
}

export class Requests {
  /** @type {Map<string, { resolve: (frame: Frame) => void, reject: (error: Error) => void }>} */
  #waiting = new Map();

  /**
   * @param {string} id
   * @returns {Promise<Frame>} the answer; rejected by a Refusal, or Unanswered
   */
  expect(id) {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /**
   * @param {string} id
   * @param {Frame} frame
   * @returns {boolean} whether anyone had asked
   */
  settle(id, frame) {
    const request = this.#waiting.get(id);
    if (request === undefined) return false;
    this.#waiting.delete(id);
    if (frame.type === 'error') request.reject(new Refusal(frame));
    else request.resolve(frame);
    return true;
  }

  abandon() {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const request of waiting) request.reject(new Unanswered());
  }
}
