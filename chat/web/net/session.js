/**
 * This person's part in the conversation: says who one is, enters the rooms, sends, asks for older pages, and keeps the
 * store true to what the server says; again after every reconnect.
 */

import { Changer } from './changer.js';
import { Connection } from './connection.js';
import { Introduction } from './introduction.js';
import { Pages } from './pages.js';
import { RollCall } from './roll-call.js';
import { Refusal, Requests, Unanswered } from './requests.js';
import { Sender } from './sender.js';

/** @import { ChangedFrame, ErrorFrame, Frame, JoinedFrame, MessageFrame, NoticeFrame, ReactionFrame, Reply, Request, ResumedFrame, WelcomeFrame } from './frames.js' */
/** @import { Surroundings } from './connection.js' */
/** @import { Memory } from '../state/memory.js' */
/** @import { Outbox } from '../state/outbox.js' */
/** @import { Room } from '../state/room.js' */
/** @import { Problem, Store } from '../state/store.js' */

/** The room that every server has, and in which everyone begins. */
export const LOBBY = 'lobby';

/** The close code by which the server says that the session has ended. */
const SIGNED_OUT = 3501;

/** A room that could not be entered because the server was busy is tried again after this many milliseconds; up to twice that. */
const BUSY_RETRY_MS = 2_000;

/**
 * @typedef {object} SessionParts
 * @property {Store} store
 * @property {Memory} memory
 * @property {Outbox} outbox
 * @property {Surroundings} surroundings
 * @property {() => string} newId a string that never comes again, 1 … 64 bytes
 * @property {() => number} clock the time of day, in milliseconds since 1970
 * @property {() => void} onNobody called when the server knows one's name alone
 */

export class Session {
  #store;
  #memory;
  #outbox;
  #connection;
  #requests = new Requests();
  /** Pieces of the rooms' history. */
  pages;
  #newId;
  #clock;
  #surroundings;
  #roll;
  #sender;
  #introduction;
  #isAway = false;
  #resumeId = '';
  /** What this person does to messages that are there. @type {Changer} */
  changes;

  /** @param {SessionParts} parts */
  constructor({ store, memory, outbox, surroundings, newId, clock, onNobody }) {
    this.#store = store;
    this.#memory = memory;
    this.#outbox = outbox;
    this.#newId = newId;
    this.#clock = clock;
    this.#surroundings = surroundings;
    this.#introduction = new Introduction({
      store, memory, surroundings, client: memory.client(newId), onNobody,
      ask: (request) => this.#ask(request),
      again: () => {
        if (this.#connection.phase === 'open' && !store.link.ready) this.#introduce();
      },
    });
    this.pages = new Pages(store, (request) => this.#ask(request));
    this.#roll = new RollCall(store, surroundings, (request) => this.#ask(request));
    this.#sender = new Sender(store, outbox, surroundings, ({ id, room, text, reply }) => this.#connection.send({ type: 'message', room, text, id, ...(reply === undefined ? {} : { reply_to: reply.seq }) }));
    this.changes = new Changer(store, surroundings, (request) => this.#ask(request));
    this.#connection = new Connection(surroundings, {
      onOpen: () => this.#introduce(),
      onFrame: (frame) => this.#received(frame),
      onPhase: () => this.#phaseChanged(),
    });
  }

  /**
   * Comes in under a name, or goes on under another one.
   * @param {string} name
   * @returns {Promise<void>} rejected by a Refusal when the server does not take it; otherwise the name is kept for later
   */
  async callMe(name) {
    const introduction = this.#introduction;
    const before = introduction.name;
    introduction.name = name;
    introduction.isNewName = true;
    this.#store.nameProblem = null;
    if (!this.#store.link.ready) {
      if (this.#connection.phase === 'open') this.#introduce();
      else this.#connection.connect();
      this.#store.changed();
      return;
    }
    try {
      await introduction.connect(name);
    } catch (error) {
      if (error instanceof Refusal) introduction.name = before;
      throw error;
    }
  }

  /** Comes with a session that has a name. @param {string} name */
  comeBack(name) {
    this.#introduction.name = name;
    this.#introduction.isNewName = false;
    this.#store.nameProblem = null;
    this.#connection.renew();
  }

  /** Another name is needed. @param {Problem} problem */
  refuseName(problem) {
    this.#introduction.refused(problem);
  }

  /** Nobody is at the page, or somebody again. @param {boolean} isAway */
  setAway(isAway) {
    this.#isAway = isAway;
    if (this.#store.link.ready) this.#ask({ type: 'away', away: isAway }).catch(ignore);
  }

  /** Asks, for whoever needs the answer. @param {Request} request */
  ask(request) { return this.#ask(request); }

  /** The network is back, or the page is looked at again: connect now, or find out whether the connection still lives. */
  wake() {
    this.#connection.hurry();
    this.refresh();
  }

  /** Connects after the server has asked us to stay away, because the person wants it, or sooner than planned. */
  connectNow() {
    this.#connection.connect();
  }

  /** Asks for the list of rooms. The answer also proves that the connection lives. */
  refresh() {
    if (this.#store.link.ready) this.#ask({ type: 'rooms' }).catch(ignore);
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
    if (!room.wanted) this.#want(room);
    if (room.problem?.about === 'join') room.problem = null;
    if (!room.joined) this.#join(room);
    else if (!room.atTail) this.pages.latest(room);
    this.#store.changed();
  }

  /** The person sees the newest message of a room. @param {Room} room */
  markRead(room) {
    if (room.read === room.seq || !room.loaded) return;
    room.markRead();
    if (room.wanted) this.#memory.rememberRoom(room.key, room.seq);
    this.#store.changed();
  }

  /** @param {Room} room */
  async leave(room) {
    this.#outbox.discardRoom(room.key);
    room.wanted = false;
    this.#memory.forgetRoom(room.key);
    try {
      if (room.joined) await this.#ask({ type: 'leave', room: room.key });
    } catch (error) {
      if (error instanceof Refusal && error.code !== 'not_joined') {
        this.#want(room);
        room.problem = { about: 'leave', ...error.problem };
        this.#store.changed();
        return;
      }
    }
    this.#forget(room);
  }

  /**
   * @param {string} title
   * @returns {Promise<string>} the new room's key; rejected by a Refusal or Unanswered
   */
  async create(title) {
    try {
      const answer = await this.#ask({ type: 'create', room: title });
      return answer.type === 'created' ? answer.room : '';
    } catch (error) {
      // The same code says of a person that there are too many rooms to join, and of the server that there are too many at all.
      if (error instanceof Refusal && error.code === 'too_many_rooms') error.code = 'rooms_full';
      throw error;
    }
  }

  /**
   * @param {string} key the room's
   * @param {string} text
   * @param {Reply} [reply] what it answers
   * @returns {boolean} false when too much is unconfirmed already
   */
  post(key, text, reply) {
    const added = this.#outbox.add({ id: this.#newId(), room: key, text, ts: this.#clock(), ...(reply === undefined ? {} : { reply }) });
    if (added) this.#sender.flush();
    this.#store.changed();
    return added;
  }

  /** @param {string} id */
  retry(id) {
    const outgoing = this.#outbox.find(id);
    if (outgoing === undefined) return;
    this.#outbox.retry(id);
    const room = this.#store.room(outgoing.room);
    if (!room.wanted) this.#want(room);
    if (room.joined) this.#sender.flush();
    else this.#join(room);
    this.#store.changed();
  }

  /** @param {string} id */
  discard(id) {
    this.#outbox.discard(id);
    this.#store.changed();
  }

  /**
   * Sends at once; nothing is kept for later.
   * @param {Request} request
   * @returns {Promise<Frame>} the answer; rejected by a Refusal, or Unanswered
   */
  async #ask(request, id = this.#newId()) {
    if (!this.#connection.send({ ...request, id })) throw new Unanswered();
    return this.#requests.expect(id);
  }

  /** The first thing on every connection: who, and which rooms; all in one go, so that one round trip is enough. */
  #introduce() {
    this.#introduction.say();
    /** @type {Map<string, { seq: number, change: number }>} */
    const resume = new Map();
    for (const room of this.#store.wanted()) {
      if (room.loaded) resume.set(room.key, { seq: room.seq, change: room.change });
      else this.#join(room);
    }
    if (resume.size === 0) return;
    this.#resumeId = this.#newId();
    this.#ask({ type: 'resume', rooms: Object.fromEntries(resume) }, this.#resumeId).catch(ignore);
  }

  /** @param {Room} room */
  #want(room) {
    room.wanted = true;
    this.#memory.rememberRoom(room.key, room.read);
  }

  /** @param {Room} room */
  #join(room) {
    this.#ask({ type: 'join', room: room.key }).catch((error) => {
      if (error instanceof Refusal) this.#notAdmitted(room, error.problem);
    });
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
        if (room.wanted && !room.joined) this.#join(room);
      }, (retryAfterMs ?? BUSY_RETRY_MS) * (1 + random()));
      return;
    }
    for (const { id, state } of this.#outbox.of(room.key)) {
      if (state !== 'failed') this.#outbox.fail(id, code, sentence);
    }
    if (code === 'no_such_room' || code === 'bad_room' || code === 'bad_value') {
      room.problem.code = 'no_such_room';
      room.wanted = false;
      this.#memory.forgetRoom(room.key);
    }
  }

  /** The room is not ours any more; it stays in the list. @param {Room} room */
  #forget(room) {
    room.joined = false;
    room.loaded = false;
    room.messages = [];
    room.more = false;
    room.end = 0;
    room.read = null;
    room.people = [];
    room.problem = null;
    room.notices.clear();
    if (this.#store.current === room.key) {
      const next = this.#store.wanted()[0];
      this.#store.current = null;
      if (next !== undefined) this.show(next.key);
    }
    this.#store.changed();
  }

  #phaseChanged() {
    const { link } = this.#store;
    const { phase, stopReason, stopCode, nextAt } = this.#connection;
    if (phase !== 'open') {
      if (link.ready || link.phase === 'idle') link.lostAt = this.#surroundings.now();
      link.ready = false;
      for (const room of this.#store.rooms.values()) {
        room.joined = false;
        room.loading = null;
      }
      this.#outbox.connectionLost();
      this.#sender.connectionLost();
      this.changes.connectionLost();
      this.#requests.abandon();
    }
    Object.assign(link, { phase, stopReason, stopCode, nextAt });
    if (phase === 'stopped' && stopCode === SIGNED_OUT) this.#introduction.signedOut();
    this.#store.changed();
  }

  /** @param {Frame} frame */
  #received(frame) {
    switch (frame.type) {
      case 'welcome': this.#welcomed(frame); break;
      case 'joined': this.#joined(frame); break;
      case 'resumed': this.#resumed(frame); break;
      case 'message': this.#posted(frame); break;
      case 'join': case 'leave': this.#noticed(frame); break;
      case 'connect': this.#someoneCame(frame.from); break;
      case 'changed': case 'reaction': this.#happened(frame); break;
      case 'room': case 'created': this.#store.room(frame.room, frame.title); break;
      case 'presence': this.#store.turn(frame.name, frame.away); break;
      case 'person': this.#introduction.become(frame.person.name, frame.person); break;
      case 'rooms': this.#store.list(frame.rooms); break;
      case 'who': this.#counted(this.#store.room(frame.room), frame); break;
      case 'error': this.#refused(frame); break;
      default: break; // history and left are answers: whoever asked applies them
    }
    if (frame.type !== 'connect' && 'id' in frame && frame.id !== undefined) this.#requests.settle(frame.id, frame);
    this.#store.changed();
  }

  /** @param {WelcomeFrame} frame */
  #welcomed(frame) {
    const { link } = this.#store;
    this.#introduction.welcomed(frame);
    this.#store.limits = frame.limits;
    this.#store.list(frame.rooms);
    link.ready = true;
    link.wasReady = true;
    if (this.#isAway) this.setAway(true);
  }

  /** @param {JoinedFrame} frame */
  #joined(frame) {
    const room = this.#store.room(frame.room, frame.title);
    if (!room.wanted) {
      // Left again before the answer came.
      this.#ask({ type: 'leave', room: room.key }).catch(ignore);
      return;
    }
    room.notices.clear();
    room.open(frame.messages, frame.more, frame.seq, frame.change);
    if (room.read === null) room.markRead();
    this.#entered(room, frame);
  }

  /** @param {ResumedFrame} frame */
  #resumed(frame) {
    const room = this.#store.room(frame.room);
    if (!room.wanted) {
      this.#ask({ type: 'leave', room: room.key }).catch(ignore);
      return;
    }
    if (frame.complete) {
      room.resume(frame.messages, frame.seq, frame.changes, frame.change);
    } else {
      room.notices.clear();
      room.open(frame.messages, frame.more, frame.seq, frame.change);
    }
    this.#entered(room, frame);
    const others = frame.messages.filter((message) => message.from !== this.#store.name);
    if (others.length > 0) this.#store.news(room, others);
  }

  /**
   * @param {Room} room
   * @param {JoinedFrame | ResumedFrame} frame
   */
  #entered(room, frame) {
    room.joined = true;
    room.problem = null;
    this.#memory.rememberRoom(room.key, room.read);
    this.#counted(room, frame);
    for (const { id } of frame.messages) {
      if (id !== undefined) this.#outbox.confirm(id);
    }
    this.#outbox.recognise(room.key, frame.messages, this.#store.name);
    this.#sender.flush();
    this.changes.flush();
  }

  /**
   * @param {Room} room
   * @param {{ members: string[], memberCount: number, away?: string[] }} there
   */
  #counted(room, { members, memberCount, away }) {
    room.people = [...members];
    room.members = memberCount;
    if (away !== undefined) this.#store.countAway(members, away);
  }

  /** @param {MessageFrame} frame */
  #posted(frame) {
    const room = this.#store.rooms.get(frame.message.room);
    if (frame.id !== undefined) {
      this.#outbox.confirm(frame.id);
      this.#sender.answered();
    }
    if (room === undefined || !room.wanted) return;
    const known = frame.message.seq <= room.seq;
    room.receive(frame.message);
    if (!known && frame.message.from !== this.#store.name) this.#store.news(room, [frame.message]);
  }

  /** @param {NoticeFrame} frame */
  #noticed(frame) {
    const room = this.#store.rooms.get(frame.room);
    if (room === undefined) return;
    room.members = frame.members;
    if (frame.type === 'join') this.#store.turn(frame.from, false);
    if (frame.type === 'join') room.enter(frame.from);
    else room.exit(frame.from);
    room.notices.add(frame.type === 'join' ? 'joined' : 'left', frame.from, room.seq, this.#clock());
    this.#roll.check(room);
  }

  /** Someone has connected, perhaps by a client so simple that it knows no rooms. @param {string} name */
  #someoneCame(name) {
    const lobby = this.#store.rooms.get(LOBBY);
    if (lobby === undefined || !lobby.joined || name === this.#store.name) return;
    lobby.notices.add('online', name, lobby.seq, this.#clock());
  }

  /** Something has happened to a message. @param {ChangedFrame | ReactionFrame} frame */
  #happened(frame) {
    const room = this.#store.rooms.get(frame.room);
    if (room === undefined || !room.joined || room.happened(frame, this.#store.name) || room.catchingUp) return;
    room.catchingUp = true;
    this.#ask({ type: 'resume', rooms: { [room.key]: { seq: room.seq, change: room.change } } }).catch(ignore);
  }

  /** @param {ErrorFrame} frame */
  #refused(frame) {
    const { id, room: key, code } = frame;
    const { problem } = new Refusal(frame);
    if (id !== undefined && id === this.#resumeId) {
      if (key !== undefined) this.#notAdmitted(this.#store.room(key), problem);
      else if (code === 'rate_limited') for (const room of this.#store.wanted()) this.#notAdmitted(room, problem);
      else for (const room of this.#store.wanted()) this.#join(room);
    } else if (id !== undefined && this.#outbox.find(id) !== undefined) {
      if (code === 'rate_limited') {
        this.#sender.tooFast(id, frame.retryAfterMs);
        return;
      }
      this.#outbox.fail(id, code, problem.sentence);
      if (code === 'not_joined' && key !== undefined) this.#store.room(key).joined = false;
      this.#sender.answered();
    } else if (id === undefined) {
      this.#store.problem = { ...problem, ...(key === undefined ? {} : { room: key }) };
    }
  }
}

/** For requests whose refusal is dealt with where it is received. */
function ignore() {}

