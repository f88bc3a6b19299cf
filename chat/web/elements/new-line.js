/**
 * The line above the first new message, which came while nobody was looking. It is drawn when one comes to the room, or when a
 * message comes that one does not see. It stays although the messages below it count as read by then, until one leaves the room or
 * it is drawn again further down.
 */

/** @import { Room } from '../state/room.js' */

export class NewLine {
  /** The `seq` of the last message above the line; null: there is no line. @type {number | null} */
  after = null;
  /** The last message that was new. */
  #upTo = 0;
  /** Whether it was on the screen. */
  #seen = false;
  #began = false;

  /** Everything counts as seen. */
  clear() {
    this.after = null;
  }

  /** Another room. */
  begin() {
    this.after = null;
    this.#began = false;
  }

  /**
   * @param {Room} room that is loaded
   * @param {boolean} sees whether the newest message is being looked at
   */
  follow(room, sees) {
    const { read, seq, unread } = room;
    if (read !== null && unread > 0) {
      if (read === this.after) this.#upTo = seq;
      else if (!this.#began || !sees || room.held) {
        this.after = read;
        this.#upTo = seq;
        this.#seen = false;
      }
    }
    this.#began = true;
  }

  /**
   * @param {Room} room
   * @param {'above' | 'here' | 'below' | null} side where the line is, null if it is not in the part of the room that is held
   * @param {boolean} sees whether somebody looks
   * @returns {number} how many new messages begin above the screen, and have not been looked at yet
   */
  above(room, side, sees) {
    if (this.after === null || this.#seen) return 0;
    if (side === 'here' && sees) this.#seen = true;
    const isAbove = side === null ? (room.messages[0]?.seq ?? 0) > this.after + 1 : side === 'above';
    return isAbove ? this.#upTo - this.after : 0;
  }
}
