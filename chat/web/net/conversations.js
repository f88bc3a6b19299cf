/** What can be done with conversations, and what the server tells of them: their members, new messages in rooms that are not joined, who is typing. */

import { Refusal } from './requests.js';
import { isHidden } from '../state/address.js';
import { isOwn } from '../state/changes.js';

/** @import { Surroundings } from './connection.js' */
/** @import { ActivityFrame, Addressee, Frame, Message, MembershipFrame, Request, RoomFrame, TypingFrame } from './frames.js' */
/** @import { Room } from '../state/room.js' */
/** @import { Store } from '../state/store.js' */

/** Milliseconds: how often it is said that this person is typing, and for how long it is believed of others. */
const SAY_TYPING_MS = 3_000;
const TYPING_MS = 5_000;

/** Milliseconds to wait after somebody has come or gone before the members are asked for again: many changes make one request. */
const ASK_MEMBERS_MS = 2_000;

export class Conversations {
  #store;
  #surroundings;
  #ask;
  #tell;
  #clock;
  #gone;
  /** When the server was last told that this person is typing, and in which room. */
  #said = { room: '', at: -Infinity };
  /** Timers after which somebody is no longer shown as typing. @type {Map<string, number>} */
  #typists = new Map();
  /** @type {Set<string>} */
  #asked = new Set();

  /**
   * @param {object} parts
   * @param {Store} parts.store
   * @param {Surroundings} parts.surroundings
   * @param {(request: Request) => Promise<Frame>} parts.ask
   * @param {(request: Request) => void} parts.tell sends what is not answered
   * @param {() => number} parts.clock the time of day
   * @param {(room: Room) => void} parts.gone called when this person is out of a room
   */
  constructor({ store, surroundings, ask, tell, clock, gone }) {
    this.#store = store;
    this.#surroundings = surroundings;
    this.#ask = ask;
    this.#tell = tell;
    this.#clock = clock;
    this.#gone = gone;
  }

  /**
   * @param {string} title
   * @param {{ isPrivate?: boolean, topic?: string }} [more]
   * @returns {Promise<string>} the new room's key; rejected by a Refusal or Unanswered
   */
  async create(title, { isPrivate = false, topic = '' } = {}) {
    try {
      const answer = await this.#ask({ type: 'create', room: title, ...(isPrivate ? { private: true } : {}), ...(topic === '' ? {} : { topic }) });
      return answer.type === 'created' ? answer.room : '';
    } catch (error) {
      // The code is the same whether this person is in too many rooms or the server has too many; the sentence has to differ.
      if (error instanceof Refusal && error.code === 'too_many_rooms') error.code = 'rooms_full';
      throw error;
    }
  }

  /**
   * The conversation with these people, whether there is one already or not.
   * @param {readonly Addressee[]} others
   * @returns {Promise<string>} its key; rejected by a Refusal or Unanswered
   */
  async direct(others) {
    const people = others.flatMap(({ id }) => (id === undefined ? [] : [id]));
    const names = others.filter(({ id }) => id === undefined).map(({ name }) => name);
    try {
      const answer = await this.#ask({ type: 'direct', ...(people.length === 0 ? {} : { people }), ...(names.length === 0 ? {} : { names }) });
      return answer.type === 'direct' ? answer.summary.room : '';
    } catch (error) {
      throw asToPeople(error);
    }
  }

  /** @param {Room} room @param {Addressee} somebody */
  async invite(room, { id, name }) {
    try {
      await this.#ask({ type: 'invite', room: room.key, ...(id === undefined ? { name } : { person: id }) });
    } catch (error) {
      throw asToPeople(error);
    }
    this.askMembers(room);
  }

  /** @param {Room} room @param {number} person */
  async remove(room, person) {
    await this.#ask({ type: 'remove', room: room.key, person });
    this.askMembers(room);
  }

  /** @param {Room} room @param {string} title */
  rename(room, title) { return this.#ask({ type: 'rename', room: room.key, title }); }

  /** @param {Room} room @param {string} topic */
  setTopic(room, topic) { return this.#ask({ type: 'topic', room: room.key, topic }); }

  /** @param {Room} room @param {boolean} archived */
  archive(room, archived) { return this.#ask({ type: 'archive', room: room.key, archived }); }

  /** @param {Room} room @param {boolean} on */
  mute(room, on) { return this.#ask({ type: 'quiet', room: room.key, on }); }

  /** Who belongs to a room, whether there at present or not. @param {Room} room */
  async askMembers(room) {
    if (this.#store.self === null) return;
    try {
      const answer = await this.#ask({ type: 'members', room: room.key });
      if (answer.type !== 'members') return;
      room.persons = answer.people;
      this.#store.meet(answer.people);
      const located = answer.people.filter(({ whereabouts }) => whereabouts !== undefined);
      this.#store.countAway(located.map(({ name }) => name), located.filter(({ whereabouts }) => whereabouts?.presence === 'away').map(({ name }) => name));
      this.#store.changed();
    } catch {
      // The names of those who are there will do.
    }
  }

  /** Somebody has come or gone: the members are asked for again. @param {Room} room */
  peopleChanged(room) {
    if (room.key !== this.#store.current || this.#asked.has(room.key)) return;
    this.#asked.add(room.key);
    this.#surroundings.setTimer(() => {
      this.#asked.delete(room.key);
      if (room.joined && room.key === this.#store.current) this.askMembers(room);
    }, ASK_MEMBERS_MS);
  }

  /** Perhaps it is a member of the private room that is shown: of those it is known by number where they are, and told by name alone. @param {string} name */
  nameTurned(name) {
    const room = this.#store.currentRoom;
    if (room?.kind === 'private' && room.persons.some((person) => person.name === name)) this.peopleChanged(room);
  }

  /** This person writes. @param {Room} room */
  typing(room) {
    const now = this.#surroundings.now();
    if (!room.joined || (this.#said.room === room.key && now - this.#said.at < SAY_TYPING_MS)) return;
    this.#said = { room: room.key, at: now };
    this.#tell({ type: 'typing', room: room.key });
  }

  /** The message was sent: the next letter that is typed is told of at once. */
  posted() {
    this.#said.at = -Infinity;
  }

  /** @param {TypingFrame} frame */
  typed({ room: key, from, person }) {
    const room = this.#store.rooms.get(key);
    if (room === undefined || (person === undefined ? from === this.#store.name : person === this.#store.self?.id)) return;
    this.hasTyped(room, from);
    room.typing = [...room.typing, from];
    this.#typists.set(`${key}\n${from}`, this.#surroundings.setTimer(() => {
      this.hasTyped(room, from);
      this.#store.changed();
    }, TYPING_MS));
  }

  /** Somebody does not write any more. @param {Room} room @param {string} name */
  hasTyped(room, name) {
    const timer = this.#typists.get(`${room.key}\n${name}`);
    if (timer === undefined) return;
    this.#surroundings.clearTimer(timer);
    this.#typists.delete(`${room.key}\n${name}`);
    room.typing = room.typing.filter((each) => each !== name);
  }

  /** @param {Pick<RoomFrame, 'summary' | 'by'>} frame */
  told({ summary, by }) {
    const room = this.#store.learn(summary);
    if (by !== undefined && room.key !== this.#store.current) {
      room.invitedBy = by;
      this.#store.invitation = room.key;
    }
    if (room.member) room.wanted = true;
  }

  /** @param {MembershipFrame} frame */
  membership({ room: key, person, member, by }) {
    const room = this.#store.rooms.get(key);
    if (room === undefined) return;
    const others = room.persons.filter(({ id }) => id !== person.id);
    room.persons = member ? [...others, person] : others;
    // Whether they are there is not said.
    if (member) this.peopleChanged(room);
    const went = by === '' ? 'resigned' : 'removed';
    if (room.kind === 'private') room.notices.add(member ? 'added' : went, person.name, room.seq, this.#clock(), by);
  }

  /** This person is out of a room, with all connections. @param {string} key */
  out(key) {
    const room = this.#store.rooms.get(key);
    if (room === undefined) return;
    const { title, kind } = room;
    const wasUnasked = room.wanted && !room.leaving;
    room.member = false;
    this.#gone(room);
    if (isHidden(key)) this.#store.drop(key);
    if (wasUnasked && kind === 'private') this.#store.problem = { code: 'out_of_room', sentence: '', name: title };
  }

  /** There is a message in a room that this connection is not in. @param {ActivityFrame} frame */
  activity({ room: key, seq, from, person, ts, unread, mentions, data }) {
    const room = this.#store.rooms.get(key);
    if (room === undefined || room.joined) return;
    const speaksOfMe = mentions > room.mentions;
    // A `room` event with the same last number may have come just before.
    const isNews = seq > room.told;
    room.told = Math.max(room.told, seq);
    if (!room.loaded) room.seq = Math.max(room.seq, seq);
    room.activeAt = Math.max(room.activeAt, ts);
    room.stand({ member: true, read: seq - unread, mentions });
    const { self } = this.#store;
    /** @type {Message} */
    const message = { room: key, seq, from, data, ts, deleted: false, change: 0, reactions: [], ...(person === undefined ? {} : { person }), mentions: speaksOfMe && self !== null ? [self.id] : [] };
    if (isNews && !isOwn(message, self)) this.#store.news(room, [message]);
  }
}

/** The same code has another meaning in moderation: here it is that somebody cannot be reached. @param {unknown} error */
function asToPeople(error) {
  if (error instanceof Refusal && error.code === 'no_such_person') error.code = 'not_reachable';
  return error;
}
