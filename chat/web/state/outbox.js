/**
 * Messages on their way: everything that this person has sent and the server has not confirmed.
 *
 * A message keeps its id through every attempt, and the server stores an id once. So the rule is simple: whatever is
 * unconfirmed may be sent again, and must be, when the connection is back. The list outlives a reload of the page.
 */

/** @import { Message, Reply } from '../net/frames.js' */

/** More unconfirmed messages than this are not taken. */
export const OUTBOX_MAX = 200;

/**
 * `waiting`: to be sent as soon as the room is joined. `sent`: on its way. `failed`: refused; the person decides.
 * `echo` is the `seq` of a message in the room that is this one in all likelihood, until the server confirms it.
 * @typedef {{ id: string, room: string, text: string, ts: number, state: 'waiting' | 'sent' | 'failed',
 *   attempts: number, code: string, sentence: string, echo: number | null, reply?: Reply }} Outgoing
 */

export class Outbox {
  /** @type {Outgoing[]} in the order in which they were written */
  #list;
  /** @type {(list: Outgoing[]) => void} */
  #save;

  /**
   * @param {Outgoing[]} restored
   * @param {(list: Outgoing[]) => void} save called after every change
   */
  constructor(restored, save) {
    this.#list = restored.slice(0, OUTBOX_MAX);
    this.#save = save;
    this.connectionLost();
  }

  /**
   * @param {Pick<Outgoing, 'id' | 'room' | 'text' | 'ts' | 'reply'>} message
   * @returns {boolean} false when there is no more room
   */
  add(message) {
    if (this.#list.length >= OUTBOX_MAX) return false;
    this.#list.push({ ...message, state: 'waiting', attempts: 0, code: '', sentence: '', echo: null });
    this.#save(this.#list);
    return true;
  }

  /**
   * @param {string} room
   * @returns {Outgoing[]}
   */
  of(room) {
    return this.#list.filter((outgoing) => outgoing.room === room);
  }

  /** In the order in which they were written. @returns {readonly Outgoing[]} */
  all() {
    return this.#list;
  }

  /** Every room that has something unconfirmed. @returns {Set<string>} */
  rooms() {
    return new Set(this.#list.map((outgoing) => outgoing.room));
  }

  /** @param {string} id */
  find(id) {
    return this.#list.find((outgoing) => outgoing.id === id);
  }

  /** @param {string} id */
  markSent(id) {
    this.#update(id, (outgoing) => {
      outgoing.state = 'sent';
      outgoing.attempts += 1;
    });
  }

  /** The message is stored: it is the room's now. @param {string} id */
  confirm(id) {
    this.discard(id);
  }

  /**
   * @param {string} id
   * @param {string} code
   * @param {string} sentence
   */
  fail(id, code, sentence) {
    this.#update(id, (outgoing) => {
      outgoing.state = 'failed';
      outgoing.code = code;
      outgoing.sentence = sentence;
      outgoing.echo = null;
    });
  }

  /** To be sent again, under the same id. @param {string} id */
  retry(id) {
    this.#update(id, (outgoing) => {
      outgoing.state = 'waiting';
    });
  }

  /** @param {string} id */
  discard(id) {
    const before = this.#list.length;
    this.#list = this.#list.filter((outgoing) => outgoing.id !== id);
    if (this.#list.length !== before) this.#save(this.#list);
  }

  /** @param {string} room */
  discardRoom(room) {
    for (const { id } of this.of(room)) this.discard(id);
  }

  /** Nobody knows what became of those under way: they wait to be sent again. */
  connectionLost() {
    for (const outgoing of this.#list) {
      if (outgoing.state === 'sent') outgoing.state = 'waiting';
    }
  }

  /**
   * Among what a room has got meanwhile may be messages of this list, whose confirmation was lost with the connection.
   * The server will say so when they are sent again; until then each is recognised by its author and its text, so that
   * nothing is shown twice even for a moment.
   * @param {string} room
   * @param {Message[]} missed
   * @param {string} name this person's
   */
  recognise(room, missed, name) {
    const own = missed.filter((message) => message.from === name);
    for (const outgoing of this.of(room)) {
      if (outgoing.attempts === 0 || outgoing.state === 'failed') continue;
      const at = own.findIndex((message) => message.data.trim() === outgoing.text.trim());
      if (at < 0) continue;
      outgoing.echo = own[at]?.seq ?? null;
      own.splice(at, 1);
    }
  }

  /**
   * @param {string} id
   * @param {(outgoing: Outgoing) => void} change
   */
  #update(id, change) {
    const outgoing = this.find(id);
    if (outgoing === undefined) return;
    change(outgoing);
    this.#save(this.#list);
  }
}
