/**
 * What this page knows, in one place: who one is, the rooms, the connection. Elements read it and are told of changes.
 */

import { LIMITS_DEFAULT } from '../net/frames.js';
import { Room } from './room.js';

/** @import { Limits, Member, Message, RoomSummary, Whereabouts } from '../net/frames.js' */
/** @import { Self } from '../net/account.js' */
/** @import { Phase } from '../net/connection.js' */

/**
 * Why the server has refused something. `name` is somebody else's; after `retryAfterMs` the same may be asked again.
 * @typedef {{ code: string, sentence: string, room?: string, name?: string, retryAfterMs?: number }} Problem
 */

/**
 * `ready` is true from the server's welcome until the connection is lost; `lostAt` is when that was, in milliseconds of the
 * clock that `performance.now()` shows, or when the first attempt began; `nextAt`, while waiting, is when the next one begins.
 * @typedef {{ phase: Phase, ready: boolean, lostAt: number, wasReady: boolean, stopReason: string, stopCode: number, nextAt: number }} Link
 */

export class Store {
  /** The name under which the server knows us; empty until it has said welcome. */
  name = '';
  /** Who one is to the server; null: nobody that it knows, a name alone. @type {Self | null} */
  self = null;
  /** Whether guests may come; null: the server has not said, for it says so to administrators alone. @type {boolean | null} */
  guestsAllowed = null;
  /** The name was refused: another one is needed. @type {Problem | null} */
  nameProblem = null;
  /** @type {Limits} */
  limits = { ...LIMITS_DEFAULT };
  /** Who is not at the keyboard, by name. @type {ReadonlySet<string>} */
  away = new Set();
  /** Where people are, by number, as far as the server has said. @type {Map<number, Whereabouts>} */
  whereabouts = new Map();
  /** The key of the private room into which somebody has invited this person last, until one has looked at it, or does not want to. @type {string | null} */
  invitation = null;
  /** @type {Map<string, Room>} */
  rooms = new Map();
  /** Grows when a room is added, removed or renamed. */
  roomsRevision = 0;
  /** The server takes messages more slowly than they are written: they are sent one by one. */
  slowed = false;
  /** The key of the room that is shown. @type {string | null} */
  current = null;
  /** @type {Link} */
  link = { phase: 'idle', ready: false, lostAt: 0, wasReady: false, stopReason: '', stopCode: 0, nextAt: 0 };
  /** Something the server said that belongs to nothing else on the page. @type {Problem | null} */
  problem = null;

  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** @type {Set<(room: Room, messages: Message[]) => void>} */
  #newsListeners = new Set();
  #scheduled = false;
  /** @type {(callback: () => void) => void} */
  #schedule;

  /** @param {(callback: () => void) => void} schedule runs a callback soon: once a frame, so that a flood costs no more than a trickle */
  constructor(schedule) {
    this.#schedule = schedule;
  }

  get currentRoom() {
    return this.current === null ? null : this.rooms.get(this.current) ?? null;
  }

  /**
   * @param {string} key
   * @param {string} [title] what it is called, where that is known
   * @returns {Room}
   */
  room(key, title) {
    let room = this.rooms.get(key);
    if (room === undefined) {
      room = new Room(key, title ?? key);
      this.rooms.set(key, room);
      this.roomsRevision += 1;
    } else if (title !== undefined && title !== room.title) {
      room.title = title;
      this.roomsRevision += 1;
    }
    return room;
  }

  /** Of a name, whoever has it: where somebody is whose number is known, that does not say. @param {string} name @param {boolean} isAway */
  turn(name, isAway) {
    const away = new Set(this.away);
    if (isAway) away.add(name);
    else away.delete(name);
    this.away = away;
  }

  /** @param {readonly Member[]} people */
  meet(people) {
    for (const { id, whereabouts } of people) if (whereabouts !== undefined) this.whereabouts.set(id, whereabouts);
  }

  /** Of those who are in a room. @param {string[]} names @param {string[]} away */
  countAway(names, away) {
    const here = new Set(names);
    const others = [...this.away].filter((name) => !here.has(name));
    const known = new Set(others.length === 0 ? [] : this.names());
    this.away = new Set([...others.filter((name) => known.has(name)), ...away]);
  }

  /** Somebody has left a room. Whether they are away is forgotten if they are in none of this person's rooms any more. @param {string} name */
  left(name) {
    if (this.away.has(name) && !this.wanted().some(({ joined, people }) => joined && people.includes(name))) this.turn(name, false);
  }

  /**
   * What the server says of a room. What is known of a joined room is newer, or will be.
   * @param {RoomSummary} summary
   */
  learn(summary) {
    const room = this.room(summary.room, summary.title);
    const look = `${room.kind} ${room.archived}`;
    room.learn(summary);
    this.meet(summary.people);
    if (!room.loaded) room.seq = summary.seq;
    if (look !== `${room.kind} ${room.archived}`) this.roomsRevision += 1;
    return room;
  }

  /**
   * The server's list of rooms. Who has a session is in those that the list says, on whatever device they were entered or left.
   * @param {RoomSummary[]} summaries
   * @param {boolean} [areAll] it knows of all that this person is in
   */
  list(summaries, areAll = this.self !== null) {
    const listed = new Set(summaries.map((summary) => summary.room));
    summaries.forEach((summary, i) => { this.learn(summary).rank = i; });
    for (const [key, room] of this.rooms) {
      if (!listed.has(key)) room.member = false;
      if (room.member && !room.leaving) room.wanted = true;
      else if (areAll && !room.joined && !room.joining && key !== this.current) room.wanted = false;
      if (!listed.has(key) && !room.wanted && key !== this.current) this.drop(key);
    }
    this.roomsRevision += 1;
  }

  /** There is no such room any more. @param {string} key */
  drop(key) {
    if (this.rooms.delete(key)) this.roomsRevision += 1;
  }

  /** The names of all who are known of. @returns {string[]} */
  names() {
    return [...new Set([...this.rooms.values()].flatMap(({ people, persons }) => [...people, ...persons.map(({ name }) => name)]))];
  }

  /** Who is known to be there by name: in one of the rooms that this person is in, or in a direct conversation with them. @returns {Map<string, 'online' | 'away'>} */
  present() {
    /** @type {Map<string, 'online' | 'away'>} */
    const present = new Map();
    for (const room of this.rooms.values()) {
      if (room.wanted && room.joined) for (const name of room.people) present.set(name, this.away.has(name) ? 'away' : 'online');
    }
    for (const room of this.rooms.values()) {
      for (const { id, name } of room.kind === 'direct' || room.key === this.current ? room.persons : []) {
        const { presence = 'offline' } = this.whereabouts.get(id) ?? {};
        if (presence !== 'offline' && !present.has(name)) present.set(name, presence);
      }
    }
    return present;
  }

  /** Rooms that this person is in, or wants to be in again. */
  wanted() {
    return [...this.rooms.values()].filter((room) => room.wanted);
  }

  /**
   * @param {() => void} listener called after changes, many at once
   * @returns {() => void} ends it
   */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * @param {(room: Room, messages: Message[]) => void} listener called with messages that others have just posted
   * @returns {() => void} ends it
   */
  onNews(listener) {
    this.#newsListeners.add(listener);
    return () => this.#newsListeners.delete(listener);
  }

  changed() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      this.#scheduled = false;
      for (const listener of [...this.#listeners]) listener();
    });
  }

  /**
   * @param {Room} room
   * @param {Message[]} messages
   */
  news(room, messages) {
    for (const listener of this.#newsListeners) listener(room, messages);
  }
}
