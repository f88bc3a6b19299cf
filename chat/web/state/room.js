/**
 * A room as this page knows it: a window onto its messages, who is there, what has been read.
 *
 * The window is one unbroken piece of the room, ascending by `seq`, bounded in length. `end` is the `seq` up to which it
 * is unbroken; the room itself may go on beyond it (`seq`), when its newest part was dropped to make room for older pages.
 */

import { isHidden } from './address.js';
import { applyMessage, applyReaction } from './changes.js';
import { Notices } from './notices.js';

/** @import { ChangedFrame, Kind, Member, Message, ReactionFrame, RoomSummary, Standing } from '../net/frames.js' */
/** @import { Problem } from './store.js' */

/** The most messages that a room keeps; so the most that are in the document. */
export const WINDOW_MAX = 500;

/** The most changes that are kept while a page is on its way; of more, the page is not taken. */
const LATE_MAX = 1_000;

/** @typedef {'older' | 'newer' | 'latest' | 'around'} Loading */

export class Room {
  /** @type {string} */
  key;
  /** @type {string} */
  title;
  /** The highest `seq` that the room is known to have. */
  seq = 0;
  /** The number of the last thing that is known to have happened to a message of it. */
  change = 0;
  /** Asked for what is missing, because there was a hole. */
  catchingUp = false;
  /** Changes that came while a page was on its way; the page may be older than they are. @type {((messages: Message[]) => Message[])[]} */
  #late = [];
  /** How many people are in it, as the server last said. */
  members = 0;
  /** Whether this person wants to be in it; kept over reconnects and visits. */
  wanted = false;
  /** Whether the server holds us for a member, on the present connection. */
  joined = false;
  /** Whether the window holds a page at all: until then there is nothing to resume from. */
  loaded = false;
  /** @type {Message[]} */
  messages = [];
  /** The window is unbroken up to here. */
  end = 0;
  /** Whether there are messages before the window. */
  more = false;
  /** Never changed in place: another list is another array. @type {readonly string[]} */
  people = [];
  notices = new Notices();
  /** The person has seen everything up to here; null who has never been in it. @type {number | null} */
  read = null;
  /** The same as the server knows it; null: it has not said. @type {number | null} */
  confirmed = null;
  /** It was marked as unread: looking at it does not count as reading until one comes back to it. */
  held = false;
  /** How many unread messages speak of this person. */
  mentions = 0;
  /** @type {Kind} */
  kind = 'public';
  topic = '';
  archived = false;
  /** This person is one of its members, on whatever device. */
  member = false;
  muted = false;
  /** This person may rename it, archive it, remove others from it. */
  manage = false;
  /** Who was asked for, or is in a direct conversation, whether there at present or not. Never changed in place. @type {readonly Member[]} */
  persons = [];
  /** Who has invited this person, until one has looked at it. @type {string | null} */
  invitedBy = null;
  /** In a direct conversation: how far the others have read, by the number of the person. @type {Map<number, number>} */
  reads = new Map();
  /** Who is writing at present. @type {readonly string[]} */
  typing = [];
  /** The last message that was told of while this connection was not in the room. */
  told = 0;
  /** The time of its last message, as far as it is known, and its place in the server's list. */
  activeAt = 0;
  rank = 0;
  /** A request to enter it, or to leave it, is under way. */
  joining = false;
  leaving = false;
  /** @type {Loading | null} */
  loading = null;
  /** What the last request about this room failed with; `older` and `newer` say where a page is missing. @type {({ about: 'join' | 'older' | 'newer' | 'leave' } & Problem) | null} */
  problem = null;
  /** The `seq` of a message that is being looked at, null at the bottom: the window is cut at the end that is farther from it. @type {number | null} */
  anchor = null;

  /**
   * @param {string} key
   * @param {string} title
   */
  constructor(key, title) {
    this.key = key;
    this.title = title;
    if (isHidden(key)) this.kind = key.startsWith('P') ? 'private' : 'direct';
  }

  /** Whether the window reaches the newest message. */
  get atTail() {
    return this.end >= this.seq;
  }

  get unread() {
    return this.read === null ? 0 : Math.max(0, this.seq - this.read);
  }

  /** Unread messages that are meant for this person: of a muted room, those that speak of them. */
  get forMe() {
    return this.kind === 'direct' && !this.muted ? this.unread : Math.min(this.mentions, this.unread);
  }

  /** What the server says of it. @param {RoomSummary} summary */
  learn(summary) {
    const { title, members, kind, topic, archived, whole, muted, manage, people } = summary;
    Object.assign(this, { title, members, kind, topic, archived });
    if (kind === 'direct' && people.length > 0) this.persons = people;
    if (!whole) return;
    Object.assign(this, { muted, manage });
    this.stand(summary);
  }

  /** What the server says of this person in the room. What was read here and not sent yet counts, unless it was marked as unread elsewhere. @param {Standing} standing */
  stand({ member, read, mentions }) {
    this.member = member;
    if (read === null) return;
    // It was marked as unread here, and the server has not been told yet: its numbers are out of date.
    if (this.held && read === this.confirmed && this.read !== null && this.read < read) return;
    this.held = this.confirmed !== null && (read < this.confirmed || (this.held && read === this.confirmed));
    if (this.read === null || this.confirmed === null || read >= this.read || read < this.confirmed) Object.assign(this, { read, mentions });
    this.confirmed = read;
  }

  /** Drops all messages: the room is joined anew when it is shown. */
  unload() {
    this.joined = false;
    this.loaded = false;
    this.messages = [];
    this.more = false;
    this.end = 0;
    this.people = [];
    this.typing = [];
    this.notices.clear();
  }

  /**
   * The newest page takes the place of whatever was held.
   * @param {Message[]} messages ascending
   * @param {boolean} more
   * @param {number} seq
   * @param {number} [change] the room's last one, where it is known to be that
   */
  open(messages, more, seq, change) {
    this.messages = inOrder(messages);
    this.more = more;
    this.seq = Math.max(seq, lastSeq(this.messages));
    this.end = this.seq;
    this.loaded = true;
    this.anchor = null;
    this.loading = null;
    if (change === undefined) this.#catchUpPage();
    else this.#begin(change);
    if (this.read !== null) this.read = Math.min(this.read, this.seq);
    this.#trim();
  }

  /**
   * A page from the middle of the room takes the place of whatever was held.
   * @param {Message[]} messages ascending, not empty
   * @param {boolean} more
   */
  openAt(messages, more) {
    this.messages = inOrder(messages);
    this.more = more;
    this.end = lastSeq(this.messages);
    this.#catchUpPage();
    this.#trim();
  }

  /**
   * Everything missed since `seq`, without a gap, and what has happened since `change` to messages from before.
   * @param {Message[]} missed
   * @param {number} seq
   * @param {Message[]} [changes]
   * @param {number} [change]
   */
  resume(missed, seq, changes = [], change = this.change) {
    for (const message of inOrder(missed)) this.receive(message);
    this.#advance(seq);
    for (const message of changes) this.messages = applyMessage(this.messages, message, false);
    this.#begin(change);
  }

  /**
   * Something has happened to a message.
   * @param {ChangedFrame | ReactionFrame} frame
   * @param {string} name this person's
   * @returns {boolean} false if something before it is missing
   */
  happened(frame, name) {
    if (frame.change <= this.change) return true;
    if (frame.change > this.change + 1) return false;
    this.change = frame.change;
    /** @param {Message[]} messages */
    const apply = (messages) => (frame.type === 'changed' ? applyMessage(messages, frame.message, true) : applyReaction(messages, frame, name));
    this.messages = apply(this.messages);
    if (this.loading !== null) this.#late.push(apply);
    if (this.#late.length > LATE_MAX) {
      this.loading = null;
      this.#late = [];
    }
    return true;
  }

  /** A page is on its way. @param {Loading} loading */
  expect(loading) {
    this.loading = loading;
    this.#late = [];
  }

  /** @param {number} change */
  #begin(change) {
    this.change = change;
    this.catchingUp = false;
    this.#late = [];
  }

  /** Applies the changes that came in the meantime to a page. */
  #catchUpPage() {
    for (const apply of this.#late.splice(0)) this.messages = apply(this.messages);
  }

  /**
   * A message as it was posted. One that is known already changes nothing.
   * @param {Message} message
   */
  receive(message) {
    const wasAtTail = this.atTail;
    this.seq = Math.max(this.seq, message.seq);
    if (message.seq <= this.end) {
      this.#insert(message);
    } else if (wasAtTail && this.loaded) {
      this.messages.push(message);
      this.end = message.seq;
    }
    this.#trim();
  }

  /**
   * A page from before the window.
   * @param {Message[]} page
   * @param {boolean} more
   */
  prepend(page, more) {
    const first = this.messages[0]?.seq ?? Infinity;
    this.messages = [...inOrder(page).filter((message) => message.seq < first), ...this.messages];
    this.more = more;
    this.#catchUpPage();
    this.#trim();
  }

  /**
   * A page from behind the window, which the server was asked for as "what is before `before`".
   * @param {Message[]} page
   * @param {number} before
   * @param {number} seqThen what `seq` was when it was asked for
   */
  append(page, before, seqThen) {
    const newer = inOrder(page).filter((message) => message.seq > this.end);
    this.messages.push(...newer);
    this.end = Math.max(this.end, Math.min(before - 1, seqThen), lastSeq(newer));
    this.seq = Math.max(this.seq, this.end);
    this.#catchUpPage();
    this.#trim();
  }

  /** Everything that is held counts as seen. */
  markRead() {
    this.read = this.seq;
    this.mentions = 0;
  }

  /** @param {string} name */
  enter(name) {
    this.people = [...this.people, name];
  }

  /** @param {string} name */
  exit(name) {
    const index = this.people.indexOf(name);
    if (index >= 0) this.people = this.people.toSpliced(index, 1);
  }

  /**
   * This person has another name. The others are told; oneself is not.
   * @param {string} before
   * @param {string} now
   */
  renameOwn(before, now) {
    const mine = (/** @type {string[]} */ from) => from.includes(now);
    this.messages = this.messages.map((message) => (message.reactions.length === 0 ? message
      : { ...message, reactions: message.reactions.map((reaction) => ({ ...reaction, mine: mine(reaction.from) })) }));
    if (!this.joined) return;
    this.exit(before);
    if (!this.people.includes(now)) this.enter(now);
  }

  /**
   * The rest of what is known is up to `seq`, too: a `seq` may have no message.
   * @param {number} seq
   */
  #advance(seq) {
    const wasAtTail = this.atTail;
    this.seq = Math.max(this.seq, seq);
    if (wasAtTail) this.end = this.seq;
  }

  /**
   * Puts a message that belongs inside the window in its place, unless it is there, or lies before the window.
   * @param {Message} message
   */
  #insert(message) {
    const at = this.messages.findLastIndex((held) => held.seq <= message.seq);
    const held = this.messages[at];
    if (held !== undefined && held.seq === message.seq) {
      if (message.id !== undefined) held.id = message.id;
      return;
    }
    if (at >= 0 || !this.more) this.messages.splice(at + 1, 0, message);
  }

  /** Drops what is too much from the end that is farther from what is being looked at. */
  #trim() {
    const excess = this.messages.length - WINDOW_MAX;
    if (excess <= 0) return;
    if (this.anchor !== null) {
      const anchor = this.anchor;
      const index = this.messages.findIndex((message) => message.seq >= anchor);
      if (index >= 0 && index < this.messages.length / 2) {
        this.messages.length = WINDOW_MAX;
        this.end = lastSeq(this.messages);
        return;
      }
    }
    this.messages.splice(0, excess);
    this.more = true;
  }
}

/** @param {Message[]} messages */
function lastSeq(messages) {
  return messages.at(-1)?.seq ?? 0;
}

/** @param {Message[]} messages */
function inOrder(messages) {
  return [...messages].sort((a, b) => a.seq - b.seq);
}
