/** Who one is, asked and told over HTTP: the server answers with a cookie that no script sees, and the WebSocket shows it. */

import { Refusal, Unanswered } from './requests.js';

/** Longer than this nobody waits, in milliseconds: working on a password takes its time. */
const ANSWER_WITHIN_MS = 20_000;

/** @typedef {'guest' | 'member' | 'admin'} Role */
/** @typedef {{ id: number, name: string, guest: boolean, role: Role }} Self */
/** A browser in which one is signed in. `used`: milliseconds since 1970, exact to a day. @typedef {{ number: number, agent: string, used: number, current: boolean }} Device */

export class Account {
  #fetch;

  /** @param {(path: string, options: RequestInit) => Promise<Response>} fetch */
  constructor(fetch) {
    this.#fetch = fetch;
  }

  /**
   * Who one is, and the end of the room that one comes to: by one request, for a conversation is read sooner than a WebSocket is open.
   * @param {string | null} room its key
   * @param {string} client the key under which this tab's messages are known
   * @returns {Promise<{ self: Self | null, room: unknown }>} `self` null: nobody that the server knows
   */
  async whoAmI(room, client) {
    const path = room === null ? '/session' : `/session?room=${encodeURIComponent(room.toWellFormed())}`;
    const answer = await this.#ask('GET', path, { headers: { 'Switchboard-Client': client } });
    return { self: readSelf(answer.person), room: answer.room };
  }

  /**
   * Comes as a new guest.
   * @param {string} name
   * @param {string | null} [invitation] by which one comes where guests may not
   * @returns {Promise<Self | null>}
   */
  enter(name, invitation = null) {
    return this.#tell('/session', invitation === null ? { name } : { name, invitation });
  }

  /** @param {string} name @param {string} password @returns {Promise<Self | null>} */
  signIn(name, password) {
    return this.#tell('/session', { name, password });
  }

  /**
   * @param {string} password
   * @param {string} [old] the one that one has
   * @returns {Promise<Self | null>}
   */
  setPassword(password, old) {
    return this.#tell('/account', old === undefined ? { password } : { password, old });
  }

  /** @param {{ everywhere: boolean }} options */
  async signOut({ everywhere }) {
    await this.#ask('DELETE', everywhere ? '/sessions' : '/session');
  }

  /** The sessions of this person, the one that was used last first. @returns {Promise<Device[]>} */
  async devices() {
    const { sessions } = await this.#ask('GET', '/sessions');
    return Array.isArray(sessions) ? sessions.flatMap(readDevice) : [];
  }

  /** Signs out one of them. @param {number} number */
  async signOutDevice(number) {
    try {
      await this.#ask('DELETE', `/sessions/${number}`);
    } catch (error) {
      // It has ended already.
      if (!(error instanceof Refusal) || error.code !== 'no_such_session') throw error;
    }
  }

  /**
   * @param {string} path
   * @param {Record<string, string>} body
   * @returns {Promise<Self | null>} rejected by a Refusal, or Unanswered
   */
  async #tell(path, body) {
    const { person } = await this.#ask('POST', path, { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
    return readSelf(person);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {RequestInit} [more]
   * @returns {Promise<Record<string, unknown>>} rejected by a Refusal, or Unanswered
   */
  async #ask(method, path, more) {
    let answer;
    try {
      const response = await this.#fetch(path, {
        method, credentials: 'same-origin', cache: 'no-store', redirect: 'error', signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        ...more,
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
    return answer;
  }
}

/** @param {any} value @returns {Device[]} none where it is none */
function readDevice(value) {
  const { number, agent, used_ms: used, current } = value ?? {};
  return typeof number === 'number' && typeof agent === 'string' && typeof used === 'number' ? [{ number, agent, used, current: current === true }] : [];
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
