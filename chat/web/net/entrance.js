/**
 * Into rooms and out of them. Public rooms that this person is a member of are joined automatically, and again after every reconnect.
 * Private and direct ones are joined when they are shown: until then the server tells of them by `activity`.
 */

import { Refusal } from './requests.js';

/** @import { Surroundings } from './connection.js' */
/** @import { ErrorFrame, Frame, JoinedFrame, Request, ResumedFrame } from './frames.js' */
/** @import { Memory } from '../state/memory.js' */
/** @import { Outbox } from '../state/outbox.js' */
/** @import { Room } from '../state/room.js' */
/** @import { Problem, Store } from '../state/store.js' */

/** A room that could not be entered because the server was busy is tried again after this many milliseconds; up to twice that. */
const BUSY_RETRY_MS = 2_000;

/** So many rooms are joined automatically. The server lets a connection be in 50; the rest is for rooms that are shown. */
const UNASKED_MAX = 30;

/**
 * @typedef {object} EntranceParts
 * @property {Store} store
 * @property {Memory} memory
 * @property {Outbox} outbox
 * @property {Surroundings} surroundings
 * @property {() => string} newId
 * @property {(request: Request, id?: string) => Promise<Frame>} ask
 * @property {(room: Room) => void} latest asks for the end of a room
 * @property {() => void} renew comes anew, on another connection
 */

export class Entrance {
  #store;
  #memory;
  #outbox;
  #surroundings;
  #newId;
  #ask;
  #latest;
  #renew;
  #resumeId = '';
  /** The rooms of that request. @type {Room[]} */
  #resumed = [];

  /** @param {EntranceParts} parts */
  constructor({ store, memory, outbox, surroundings, newId, ask, latest, renew }) {
    this.#store = store;
    this.#memory = memory;
    this.#outbox = outbox;
    this.#surroundings = surroundings;
    this.#newId = newId;
    this.#ask = ask;
    this.#latest = latest;
    this.#renew = renew;
  }

  /** On a new connection, before the server has said anything: into rooms that one was in, and the one that is shown. */
  begin() {
    const { self, current } = this.#store;
    /** @type {Map<string, { seq: number, change: number }>} */
    const resume = new Map();
    for (const room of this.#store.wanted()) {
      if (room.loaded) resume.set(room.key, { seq: room.seq, change: room.change });
      // The server will say which of the others this person is still a member of.
      else if (self === null || room.key === current) this.join(room);
    }
    this.#resumed = this.#store.wanted().filter(({ key }) => resume.has(key));
    if (resume.size === 0) return;
    this.#resumeId = this.#newId();
    this.#ask({ type: 'resume', rooms: Object.fromEntries(resume) }, this.#resumeId).catch(ignore);
  }

  /** The server has said which rooms there are, and which of them are one's own. */
  follow() {
    if (this.#store.self === null) return;
    const wanted = this.#store.wanted();
    let count = wanted.filter(({ loaded, joined, joining }) => loaded || joined || joining).length;
    for (const room of wanted) {
      if (room.kind === 'public' && !room.archived && !room.loaded && !room.joined && !room.joining && room.problem?.about !== 'join' && count < UNASKED_MAX) {
        count += 1;
        this.join(room);
      }
    }
    this.#memory.keepRooms(wanted);
  }

  /**
   * Shows a room, and enters it where one is not in it.
   * @param {string} key
   */
  show(key) {
    const room = this.#store.room(key);
    this.#store.current = key;
    this.#memory.room = key;
    room.anchor = null;
    room.invitedBy = null;
    room.held = false;
    if (!room.wanted) this.want(room);
    if (room.problem?.about === 'join' || room.problem?.about === 'leave') room.problem = null;
    if (!room.joined) this.join(room);
    else if (!room.atTail) this.#latest(room);
    this.#store.changed();
  }

  /** @param {Room} room */
  want(room) {
    room.wanted = true;
    this.#memory.rememberRoom(room.key, room.read);
  }

  /** @param {Room} room */
  async join(room) {
    room.joining = true;
    try {
      await this.#ask({ type: 'join', room: room.key });
    } catch (error) {
      if (error instanceof Refusal) this.#notAdmitted(room, error.problem);
    } finally {
      room.joining = false;
    }
  }

  /**
   * @param {Room} room
   * @param {JoinedFrame | ResumedFrame} frame
   * @returns {boolean} false: one has left it again before the answer came
   */
  entered(room, { member, read, mentions }) {
    if (!room.wanted) {
      this.#ask({ type: 'leave', room: room.key }).catch(ignore);
      return false;
    }
    if (member) room.stand({ member, read, mentions });
    room.joined = true;
    // The error that it could not be left is shown until one goes on, or tries again.
    if (room.problem?.about !== 'leave') room.problem = null;
    this.#memory.rememberRoom(room.key, room.read);
    return true;
  }

  /** @param {Room} room */
  async leave(room) {
    room.wanted = false;
    room.leaving = true;
    this.#memory.forgetRoom(room.key);
    try {
      if (room.joined || room.member) await this.#ask({ type: 'leave', room: room.key });
    } catch (error) {
      // Without a session there are no memberships: one is in a room only as long as one is connected.
      const isLeft = error instanceof Refusal ? error.code === 'not_joined' : !room.member;
      if (!isLeft) {
        this.want(room);
        room.problem = { about: 'leave', ...(error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' }) };
        this.#store.changed();
        return;
      }
    } finally {
      room.leaving = false;
    }
    this.#outbox.discardRoom(room.key);
    const wasShown = this.#store.current === room.key;
    this.forget(room);
    const next = this.#store.wanted()[0];
    if (wasShown && next !== undefined) this.show(next.key);
  }

  /**
   * The room is not ours any more; it stays in the list, if it is public. No other is shown in its place: what is being typed
   * is not for the people there.
   * @param {Room} room
   */
  forget(room) {
    room.unload();
    Object.assign(room, { wanted: false, member: false, read: null, confirmed: null, held: false, problem: null, invitedBy: null });
    this.#memory.forgetRoom(room.key);
    if (room.kind !== 'public') this.#store.drop(room.key);
    if (this.#store.current === room.key) {
      this.#store.current = null;
      this.#memory.room = null;
    }
    this.#store.changed();
  }

  /**
   * What an error says of the request to come back into rooms.
   * @param {ErrorFrame} frame
   * @param {Problem} problem
   * @returns {boolean} whether it was about that
   */
  refused({ id, room: key, code }, problem) {
    if (id === undefined || id !== this.#resumeId) return false;
    if (key !== undefined) this.#notAdmitted(this.#store.room(key), problem);
    else if (code === 'rate_limited') for (const room of this.#resumed) this.#notAdmitted(room, problem);
    // If the room that is shown was not among them, it is being joined already.
    else for (const room of this.#resumed) this.join(room);
    return true;
  }

  /**
   * @param {Room} room
   * @param {Problem} problem
   */
  #notAdmitted(room, problem) {
    const { code, sentence, retryAfterMs } = problem;
    if (code === 'not_connected') return; // the name was refused: rooms follow when there is another one
    room.joined = false;
    room.problem = { about: 'join', ...problem };
    this.#store.changed();
    if (code === 'busy' || code === 'rate_limited') {
      const { setTimer, random } = this.#surroundings;
      setTimer(() => {
        if (room.wanted && !room.joined) this.join(room);
      }, (retryAfterMs ?? BUSY_RETRY_MS) * (1 + random()));
      return;
    }
    if (code === 'too_many_rooms' && this.#startOver(room)) return;
    for (const { id, state } of this.#outbox.of(room.key)) {
      if (state !== 'failed') this.#outbox.fail(id, code, sentence);
    }
    if (code === 'no_such_room' || code === 'bad_room' || code === 'bad_value') {
      room.problem.code = 'no_such_room';
      room.unload();
      Object.assign(room, { wanted: false, member: false, topic: '', persons: [] });
      this.#memory.forgetRoom(room.key);
    }
  }

  /**
   * To leave a room is to end a membership. So whoever has been shown more rooms than a connection can be in comes by another one,
   * and only into the one that is shown.
   * @param {Room} room
   */
  #startOver(room) {
    const joined = this.#store.wanted().filter((each) => each.joined);
    if (this.#store.self === null || joined.length <= UNASKED_MAX) return false;
    room.problem = null;
    for (const each of joined) each.unload();
    this.#renew();
    return true;
  }
}

/** For requests whose refusal is dealt with where it is received. */
function ignore() {}
