/** Who one is, asked and told over HTTP: the server answers with a cookie that no script sees, and the WebSocket shows it. */

import { Refusal, Unanswered } from './requests.js';

/** Longer than this nobody waits, in milliseconds: working on a password takes its time. */
const ANSWER_WITHIN_MS = 20_000;

/** @typedef {'guest' | 'member' | 'admin'} Role */
/** @typedef {{ id: number, name: string, guest: boolean, role: Role }} Self */

export class Account {
  #fetch;

  /** @param {(path: string, options: RequestInit) => Promise<Response>} fetch */
  constructor(fetch) {
    this.#fetch = fetch;
  }

  /** @returns {Promise<Self | null>} null: nobody that the server knows */
  whoAmI() {
    return this.#ask('GET', '/session');
  }

  /** Comes as a new guest. @param {string} name @returns {Promise<Self | null>} */
  enter(name) {
    return this.#ask('POST', '/session', { name });
  }

  /** @param {string} name @param {string} password @returns {Promise<Self | null>} */
  signIn(name, password) {
    return this.#ask('POST', '/session', { name, password });
  }

  /**
   * @param {string} password
   * @param {string} [old] the one that one has
   * @returns {Promise<Self | null>}
   */
  setPassword(password, old) {
    return this.#ask('POST', '/account', old === undefined ? { password } : { password, old });
  }

  /** @param {{ everywhere: boolean }} options */
  async signOut({ everywhere }) {
    await this.#ask('DELETE', everywhere ? '/sessions' : '/session');
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {Record<string, string>} [body]
   * @returns {Promise<Self | null>} rejected by a Refusal, or Unanswered
   */
  async #ask(method, path, body) {
    let answer;
    try {
      const response = await this.#fetch(path, {
        method, credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        ...(body === undefined ? {} : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
      });
      answer = await response.json();
    } catch {
      throw new Unanswered();
    }
    if (typeof answer !== 'object' || answer === null) throw new Unanswered();
    if (typeof answer.code === 'string') {
      const { code, data, name, retry_after_ms: wait } = answer;
      throw new Refusal({
        type: 'error', code, data: typeof data === 'string' ? data : '',
        ...(typeof name === 'string' ? { name } : {}), ...(typeof wait === 'number' ? { retryAfterMs: wait } : {}),
      });
    }
    return readSelf(answer.person);
  }
}

/**
 * @param {unknown} value
 * @returns {Self | null} null for what is none
 */
export function readSelf(value) {
  if (typeof value !== 'object' || value === null) return null;
  const { id, name, guest, role } = /** @type {Record<string, unknown>} */ (value);
  if (typeof id !== 'number' || typeof name !== 'string') return null;
  return { id, name, guest: guest !== false, role: role === 'admin' || role === 'member' ? role : 'guest' };
}
