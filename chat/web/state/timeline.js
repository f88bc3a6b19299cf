/** From what is known of a room to what is shown of it: days, groups of messages by one author, notices, in order. */

import { isOwn } from './changes.js';
import { speaksOf } from './mentions.js';

/** @import { Self } from '../net/account.js' */
/** @import { Message, Reaction, Reply } from '../net/frames.js' */
/** @import { PendingChange } from '../net/changer.js' */
/** @import { Outgoing } from './outbox.js' */
/** @import { Notice, NoticeKind } from './notices.js' */
/** @import { Room } from './room.js' */

/** Messages of one author that are farther apart than this, in milliseconds, are not one group. */
const GROUP_GAP_MS = 5 * 60_000;

/** @typedef {{ kind: 'day', key: string, ts: number }} DayItem */
/** Where what is new begins. @typedef {{ kind: 'new', key: 'new' }} NewItem */
/** `by`: who has removed them. @typedef {{ kind: 'notice', key: string, by: ReadonlyMap<string, string> } & Record<NoticeKind, string[]>} NoticeItem */

/**
 * `key` stays the same while a message goes from waiting to stored. `first` and `last` are about its group.
 * `slot` is that of a change of it which is not answered yet; `message` is what is stored. `forMe`: it speaks of this person. `seenBy` are those who
 * have read the conversation up to here, on the last one of this person's messages that anybody has read; `among` how many others there are.
 * @typedef {{ kind: 'message', key: string, id: string | null, seq: number | null, from: string, text: string, html: string | null, ts: number,
 *   own: boolean, first: boolean, last: boolean, state: 'stored' | Outgoing['state'], code: string, sentence: string,
 *   edited: number | null, deleted: boolean, reply: Reply | null, reactions: Reaction[], slot: string | null, message: Message | null,
 *   forMe: boolean, seenBy: string[], among: number }} MessageItem
 */

/** @typedef {DayItem | NewItem | NoticeItem | MessageItem} Item */

/**
 * `changes` is what this person does to messages of it and the server has not confirmed; `newAfter` the `seq` of the last message
 * before what is new (null: nothing is); `reads` how far others have read, by their names.
 * @typedef {{ changes?: PendingChange[], newAfter?: number | null, self?: Self | null, reads?: { name: string, seq: number }[] }} More
 */

/**
 * @param {Room} room
 * @param {Outgoing[]} outgoing this person's unconfirmed messages in it
 * @param {string} name this person's
 * @param {More} [more]
 * @returns {Item[]}
 */
export function timeline(room, outgoing, name, { changes = [], newAfter = null, self = null, reads = [] } = {}) {
  /** @type {Item[]} */
  const items = [];
  const notices = noticesBySeq(room);
  let day = '';
  // Only where it belongs: not above a window that begins in the middle of what is new.
  let line = newAfter !== null && (!room.more || (room.messages[0]?.seq ?? 0) <= newAfter + 1);

  /** @param {MessageItem} item */
  const add = (item) => {
    const itsDay = dayKey(item.ts);
    if (itsDay !== day) {
      day = itsDay;
      items.push({ kind: 'day', key: `d:${itsDay}:${item.key}`, ts: item.ts });
    }
    if (line && !item.own && item.seq !== null && item.seq > (newAfter ?? 0)) {
      line = false;
      items.push({ kind: 'new', key: 'new' });
    }
    const before = items.at(-1);
    if (before !== undefined && before.kind === 'message' && belongTogether(before, item)) {
      before.last = false;
      item.first = false;
    }
    items.push(item);
  };

  /** @param {number} seq */
  const addNotices = (seq) => {
    for (const notice of notices.get(seq) ?? []) {
      const item = noticeItem(notice);
      if (item !== null) items.push(item);
    }
  };

  if (!room.more) addNotices(0);
  for (const message of room.messages) {
    add(withChanges(stored(message, name, self), changes, name));
    addNotices(message.seq);
  }
  for (const message of outgoing) {
    if (message.echo === null || !room.messages.some(({ seq }) => seq === message.echo)) add(unconfirmed(message, name));
  }
  showSeen(items, reads);
  return items;
}

/**
 * Under the last of one's own messages that somebody has read, unless somebody else's message follows, which says as much.
 * @param {Item[]} items
 * @param {{ name: string, seq: number }[]} reads
 */
function showSeen(items, reads) {
  const last = items.findLast((item) => item.kind === 'message' && item.seq !== null && (!item.own || reads.some(({ seq }) => seq >= (item.seq ?? 0))));
  if (last?.kind !== 'message' || !last.own) return;
  last.seenBy = reads.filter(({ seq }) => seq >= (last.seq ?? 0)).map(({ name }) => name);
  last.among = reads.length;
}

/**
 * The notices of the window, each under the message that it follows, or 0 before the first.
 * @param {Room} room
 * @returns {Map<number, Notice[]>}
 */
function noticesBySeq(room) {
  /** @type {Map<number, Notice[]>} */
  const bySeq = new Map();
  for (const notice of room.notices.list) {
    if (notice.after > room.end) continue;
    const after = room.messages.findLast(({ seq }) => seq <= notice.after)?.seq ?? 0;
    bySeq.set(after, [...(bySeq.get(after) ?? []), notice]);
  }
  return bySeq;
}

/**
 * @param {Notice} notice
 * @returns {NoticeItem | null} null when it came to nothing
 */
function noticeItem(notice) {
  /** @type {NoticeItem} */
  const item = { kind: 'notice', key: `n:${notice.after}`, by: notice.by, online: [], joined: [], left: [], added: [], resigned: [], removed: [] };
  for (const [name, outcome] of notice.people) {
    if (outcome !== 'back') item[outcome].push(name);
  }
  return [...notice.people.values()].every((outcome) => outcome === 'back') ? null : item;
}

/**
 * @param {Message} message
 * @param {string} name
 * @param {Self | null} self
 * @returns {MessageItem}
 */
function stored(message, name, self) {
  const { id, seq, from, data, html, ts, edited, deleted, reply, reactions } = message;
  const own = id !== undefined || from === name || isOwn(message, self);
  return {
    kind: 'message', key: id === undefined ? `s:${seq}` : `i:${id}`, id: null, seq, from, text: data, html: html ?? null, ts,
    own, first: true, last: true, state: 'stored', code: '', sentence: '',
    edited: edited ?? null, deleted, reply: reply ?? null, reactions, slot: null, message, forMe: !deleted && !own && speaksOf(message, self), seenBy: [], among: 0,
  };
}

/**
 * A message as it will be.
 * @param {MessageItem} item
 * @param {PendingChange[]} changes
 * @param {string} name
 * @returns {MessageItem}
 */
function withChanges(item, changes, name) {
  for (const { request, state, code, sentence, slot } of changes) {
    if (request.seq !== item.seq || item.deleted) continue;
    if (request.type === 'react') item.reactions = withReaction(item.reactions, request.emoji, request.on, name);
    else if (request.type === 'edit') Object.assign(item, { text: request.text, html: null, state, code, sentence, slot });
    else Object.assign(item, { state, code, sentence, slot });
  }
  return item;
}

/**
 * @param {Reaction[]} reactions
 * @param {string} emoji
 * @param {boolean} on
 * @param {string} name
 */
function withReaction(reactions, emoji, on, name) {
  const held = reactions.find((reaction) => reaction.emoji === emoji);
  if ((held?.mine ?? false) === on) return reactions;
  const from = (held?.from ?? []).filter((person) => person !== name);
  const now = { emoji, count: (held?.count ?? 0) + (on ? 1 : -1), from: on ? [...from, name] : from, mine: on };
  if (held === undefined) return [...reactions, now];
  return now.count === 0 ? reactions.filter((reaction) => reaction !== held) : reactions.map((reaction) => (reaction === held ? now : reaction));
}

/**
 * @param {Outgoing} outgoing
 * @param {string} name
 * @returns {MessageItem}
 */
function unconfirmed({ id, text, ts, state, code, sentence, reply }, name) {
  return {
    kind: 'message', key: `i:${id}`, id, seq: null, from: name, text, html: null, ts,
    own: true, first: true, last: true, state, code, sentence,
    edited: null, deleted: false, reply: reply ?? null, reactions: [], slot: null, message: null, forMe: false, seenBy: [], among: 0,
  };
}

/**
 * @param {MessageItem} before
 * @param {MessageItem} item
 */
function belongTogether(before, item) {
  return before.from === item.from && before.own === item.own && Math.abs(item.ts - before.ts) < GROUP_GAP_MS;
}

/**
 * The day on this person's calendar.
 * @param {number} ts
 */
function dayKey(ts) {
  const date = new Date(ts);
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}
