/**
 * This person's part in the conversation: says who one is, enters the rooms, sends, asks for older pages, and keeps the
 * store true to what the server says; again after every reconnect.
 */

import { speaksOf } from '../state/mentions.js';
import { Changer } from './changer.js';
import { Connection } from './connection.js';
import { Conversations } from './conversations.js';
import { Entrance } from './entrance.js';
import { Introduction } from './introduction.js';
import { Pages } from './pages.js';
import { Reads } from './reads.js';
import { RollCall } from './roll-call.js';
import { Refusal, Requests, Unanswered } from './requests.js';
import { Sender } from './sender.js';

/** @import { ChangedFrame, ErrorFrame, Frame, JoinedFrame, Message, MessageFrame, NoticeFrame, PresenceFrame, ReactionFrame, Reply, Request, ResumedFrame, RoomEnd, RoomSummary, WelcomeFrame } from './frames.js' */
/** @import { Self } from './account.js' */
/** @import { Surroundings } from './connection.js' */
/** @import { Memory } from '../state/memory.js' */
/** @import { Outbox } from '../state/outbox.js' */
/** @import { Room } from '../state/room.js' */
/** @import { Problem, Store } from '../state/store.js' */

/** The room that every server has, and in which everyone begins. */
export const LOBBY = 'lobby';

/** The close code by which the server says that the session has ended. */
const SIGNED_OUT = 3501;

/** The server counts no more mentions than that: nobody reads a larger number. */
const MENTIONS_COUNTED_MAX = 100;

/**
 * @typedef {object} SessionParts
 * @property {Store} store
 * @property {Memory} memory
 * @property {Outbox} outbox
 * @property {Surroundings} surroundings
 * @property {() => string} newId a string that never comes again, 1 … 64 bytes
 * @property {() => number} clock the time of day, in milliseconds since 1970
 * @property {() => void} onNobody called when the server knows one's name alone
 * @property {(next: number | null) => void} onEnd called when nothing here is of whoever comes next: the session has ended, or is the person's of this number
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
  #entrance;
  #isAway = false;
  /** What this person does to messages that are there. @type {Changer} */
  changes;
  /** What this person does with conversations as such. @type {Conversations} */
  conversations;
  /** How far this person has read. @type {Reads} */
  reads;

  /** @param {SessionParts} parts */
  constructor({ store, memory, outbox, surroundings, newId, clock, onNobody, onEnd }) {
    this.#store = store;
    this.#memory = memory;
    this.#outbox = outbox;
    this.#newId = newId;
    this.#clock = clock;
    this.#surroundings = surroundings;
    const ask = (/** @type {Request} */ request, id = newId()) => this.#ask(request, id);
    this.#introduction = new Introduction({
      store, memory, surroundings, client: memory.client(newId), onNobody, onEnd, ask,
      again: () => {
        if (this.#connection.phase === 'open' && !store.link.ready) this.#introduce();
      },
    });
    this.pages = new Pages(store, ask);
    this.#roll = new RollCall(store, surroundings, ask);
    this.#sender = new Sender(store, outbox, surroundings, ({ id, room, text, reply }) => this.#connection.send({ type: 'message', room, text, id, ...(reply === undefined ? {} : { reply_to: reply.seq }) }));
    this.changes = new Changer(store, surroundings, ask);
    this.reads = new Reads(store, surroundings, ask);
    this.#entrance = new Entrance({ store, memory, outbox, surroundings, newId, ask, latest: (room) => this.pages.latest(room), renew: () => this.#connection.renew() });
    this.conversations = new Conversations({
      store, surroundings, ask, clock,
      tell: (request) => this.#connection.tell(request),
      gone: (room) => this.#entrance.forget(room),
    });
    this.#connection = new Connection(surroundings, {
      onOpen: () => {
        if (this.#introduction.name !== '') this.#introduce();
      },
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

  /** Connects while it is asked who one is; nothing is said before that is known. */
  prepare() {
    this.#connection.connect();
  }

  /** It is nobody, or somebody of whom the handshake did not tell: whoever comes does so by another connection. */
  callOff() {
    this.#connection.end();
  }

  /**
   * It is known who one is; the handshake has told it, or will.
   * @param {Self} self
   * @param {RoomEnd | null} end of the room that is shown, which is read meanwhile
   */
  arrive(self, end) {
    const introduction = this.#introduction;
    if (!introduction.recognises(self)) {
      this.callOff();
      return;
    }
    introduction.become(self.name, self);
    if (end !== null) this.#showEnd(end);
    this.goOn(self.name);
  }

  /** Goes on with the connection that there is, or will be, as whoever the session says. @param {string} name by which they were known here */
  goOn(name) {
    Object.assign(this.#introduction, { name, isExpected: true });
    if (this.#connection.phase === 'open') this.#introduce();
    else this.#connection.connect();
    this.#store.changed();
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

  /** Shows a room, and enters it where one is not in it. @param {string} key */
  show(key) {
    this.#entrance.show(key);
    const room = this.#store.currentRoom;
    if (room?.joined) this.conversations.askMembers(room);
  }

  /** @param {Room} room */
  leave(room) { return this.#entrance.leave(room); }

  /** The person sees the newest message of a room. @param {Room} room */
  markRead(room) {
    if (room.read === room.seq || !room.loaded || room.held) return;
    room.markRead();
    if (room.wanted) this.#memory.rememberRoom(room.key, room.seq);
    this.reads.moved(room);
    this.#store.changed();
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
    this.conversations.posted();
    this.#store.changed();
    return added;
  }

  /** @param {string} id */
  retry(id) {
    const outgoing = this.#outbox.find(id);
    if (outgoing === undefined) return;
    this.#outbox.retry(id);
    const room = this.#store.room(outgoing.room);
    if (!room.wanted) this.#entrance.want(room);
    if (room.joined) this.#sender.flush();
    else this.#entrance.join(room);
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
    // A connection on which nobody has said yet who they are is none.
    if (this.#introduction.name === '' || !this.#connection.send({ ...request, id })) throw new Unanswered();
    return this.#requests.expect(id);
  }

  /** The first thing on every connection: who, and which rooms; all in one go, so that one round trip is enough. */
  #introduce() {
    this.#introduction.say();
    this.#entrance.begin();
  }

  #phaseChanged() {
    const { link } = this.#store;
    const { phase, stopReason, stopCode, nextAt } = this.#connection;
    if (phase !== 'open') {
      if (link.ready || link.phase === 'idle') link.lostAt = this.#surroundings.now();
      link.ready = false;
      for (const room of this.#store.rooms.values()) Object.assign(room, { joined: false, loading: null });
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
      case 'created': this.#store.room(frame.room, frame.title); break;
      case 'room': case 'direct': this.conversations.told(frame); break;
      case 'membership': this.conversations.membership(frame); break;
      case 'activity': this.conversations.activity(frame); break;
      case 'typing': this.conversations.typed(frame); break;
      case 'gone': this.conversations.out(frame.room); break;
      case 'quiet': this.#store.room(frame.room).muted = frame.on; break;
      case 'read': this.reads.received(frame); break;
      case 'presence': this.#turned(frame); break;
      case 'person': this.#introduction.become(frame.person.name, frame.person); break;
      case 'guests': this.#store.guestsAllowed = frame.allowed; break;
      case 'rooms': this.#listed(frame.rooms); break;
      case 'who': this.#counted(this.#store.room(frame.room), frame); break;
      case 'error': this.#refused(frame); break;
      default: break; // the others are answers: whoever asked applies them
    }
    if (frame.type !== 'connect' && 'id' in frame && frame.id !== undefined) this.#requests.settle(frame.id, frame);
    this.#store.changed();
  }

  /** @param {WelcomeFrame} frame */
  #welcomed(frame) {
    const { link } = this.#store;
    if (!this.#introduction.welcomed(frame)) {
      this.#connection.end();
      return;
    }
    this.#store.limits = frame.limits;
    link.ready = true;
    link.wasReady = true;
    this.#listed(frame.rooms);
    this.reads.flush();
    if (this.#isAway) this.setAway(true);
  }

  /** @param {RoomSummary[]} rooms */
  #listed(rooms) {
    const { self } = this.#store;
    // What this browser remembers of the time before the server did is news to it: those rooms are entered.
    const isKnown = self !== null && this.#memory.member === self.id;
    this.#store.list(rooms, isKnown);
    this.#entrance.follow();
    if (self !== null) this.#memory.member = self.id;
  }

  /** @param {JoinedFrame} frame */
  #joined(frame) {
    const room = this.#store.room(frame.room, frame.title);
    if (!this.#entrance.entered(room, frame)) return;
    room.notices.clear();
    room.open(frame.messages, frame.more, frame.seq, frame.change);
    if (room.read === null) room.markRead();
    this.#entered(room, frame);
  }

  /** @param {ResumedFrame} frame */
  #resumed(frame) {
    const room = this.#store.room(frame.room);
    if (!this.#entrance.entered(room, frame)) return;
    if (frame.complete) {
      room.resume(frame.messages, frame.seq, frame.changes, frame.change);
    } else {
      room.notices.clear();
      room.open(frame.messages, frame.more, frame.seq, frame.change);
    }
    this.#entered(room, frame);
    this.#tellOf(room, frame.messages);
  }

  /**
   * @param {Room} room
   * @param {JoinedFrame | ResumedFrame} frame
   */
  #entered(room, frame) {
    this.#memory.rememberRoom(room.key, room.read);
    room.reads = new Map(frame.reads);
    this.#counted(room, frame);
    if (room.key === this.#store.current) this.conversations.askMembers(room);
    this.#recognise(room, frame.messages);
    this.#sender.flush();
    this.changes.flush();
  }

  /** What this page has sent has arrived. @param {Room} room @param {Message[]} messages */
  #recognise(room, messages) {
    for (const { id } of messages) {
      if (id !== undefined) this.#outbox.confirm(id);
    }
    this.#outbox.recognise(room.key, messages, this.#store.name);
  }

  /** What came before the connection is gone on with from there. @param {RoomEnd} end */
  #showEnd({ summary, messages, more, change, reads }) {
    const room = this.#store.learn(summary);
    if (!room.wanted || room.loaded) return;
    room.open(messages, more, summary.seq, change);
    room.reads = new Map(reads);
    this.#recognise(room, messages);
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
  #posted({ id, message }) {
    const room = this.#store.rooms.get(message.room);
    if (id !== undefined) {
      this.#outbox.confirm(id);
      this.#sender.answered();
    }
    if (room === undefined || !room.wanted) return;
    const known = message.seq <= room.seq;
    const { self } = this.#store;
    room.receive(message);
    room.activeAt = Math.max(room.activeAt, message.ts);
    this.conversations.hasTyped(room, message.from);
    if (known) return;
    // Who says something has read what was said before.
    if (message.person !== undefined && message.person === self?.id) {
      room.stand({ member: room.member, read: message.seq, mentions: 0 });
      room.held = false;
    } else if (speaksOf(message, self)) room.mentions = Math.min(room.mentions + 1, MENTIONS_COUNTED_MAX);
    if (message.person !== undefined && room.kind === 'direct') room.reads.set(message.person, message.seq);
    this.#tellOf(room, [message]);
  }

  /** Those of others are news. @param {Room} room @param {Message[]} messages */
  #tellOf(room, messages) {
    const others = messages.filter(({ from }) => from !== this.#store.name);
    if (others.length > 0) this.#store.news(room, others);
  }

  /** @param {PresenceFrame} frame */
  #turned({ name, person, whereabouts }) {
    if (person !== undefined) this.#store.meet([{ id: person, name, whereabouts }]);
    else {
      this.#store.turn(name, whereabouts.presence === 'away');
      this.conversations.nameTurned(name);
    }
  }

  /** @param {NoticeFrame} frame */
  #noticed(frame) {
    const room = this.#store.rooms.get(frame.room);
    if (room === undefined) return;
    room.members = frame.members;
    if (frame.type === 'join') {
      this.#store.turn(frame.from, false);
      room.enter(frame.from);
    } else {
      room.exit(frame.from);
      this.#store.left(frame.from);
    }
    // Where people belong, it says nothing that they look in.
    if (room.kind === 'public') room.notices.add(frame.type === 'join' ? 'joined' : 'left', frame.from, room.seq, this.#clock());
    else this.conversations.peopleChanged(room);
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
    if (this.#entrance.refused(frame, problem)) return;
    if (id !== undefined && this.#outbox.find(id) !== undefined) {
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
