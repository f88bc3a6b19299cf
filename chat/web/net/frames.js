/**
 * The frames of the chat protocol, as this page reads and writes them: JSON text, one object a frame.
 *
 * What comes in is checked here, once, so that nothing behind this file meets a value of the wrong type.
 */

import { readSelf } from './account.js';

/** @typedef {{ emoji: string, count: number, from: string[], mine: boolean }} Reaction */
/** @typedef {{ seq: number, from: string, data: string, deleted: boolean }} Reply */

/**
 * A stored message. `id` is there only if this client has sent it, `person` if a session said who has. `change` is the number in its room of what has happened to it
 * last (0: nothing); `quote`, in what tells of that alone, is what its replies show of it. `mentions` are the people of whom it speaks; 0: everybody.
 * @typedef {{ room: string, seq: number, from: string, data: string, ts: number, id?: string, person?: number, html?: string, edited?: number,
 *   deleted: boolean, change: number, reply?: Reply, reactions: Reaction[], quote?: string, mentions?: number[] }} Message
 */

/** Somebody, with their number where it is known: several guests may have one name. @typedef {{ id?: number, name: string }} Addressee */
/** @typedef {'online' | 'away' | 'offline'} Presence */
/** Where somebody is; `seenMs` is when they were there last, in milliseconds since 1970. @typedef {{ presence: Presence, seenMs?: number }} Whereabouts */
/** Somebody with a session, and where they are, if that was said. @typedef {{ id: number, name: string, whereabouts?: Whereabouts }} Member */

/** @typedef {'public' | 'private' | 'direct'} Kind */

/**
 * `member`: this person's membership; only with it are there `read` and `mentions`. `manage`: this person may rename it, archive it, and remove
 * others from it. `people` are those of a direct conversation, oneself included.
 * One that is not `whole` says only what is the same for everybody.
 * @typedef {{ member: boolean, read: number | null, mentions: number }} Standing
 * @typedef {Standing & { room: string, title: string, seq: number, members: number, whole: boolean, kind: Kind, topic: string, archived: boolean,
 *   muted: boolean, manage: boolean, people: Member[] }} RoomSummary
 */

/** How far others have read: the number of each, and a `seq`. @typedef {[person: number, seq: number][]} Reads */

/** The end of a room for whoever is not connected yet. @typedef {{ summary: RoomSummary, messages: Message[], more: boolean, change: number, reads: Reads }} RoomEnd */

/** @typedef {{ text: number, name: number, room: number, page: number }} Limits */

/** @import { Self } from './account.js' */

/** @typedef {{ type: 'welcome', id?: string, name: string, person: Self | null, rooms: RoomSummary[], limits: Limits }} WelcomeFrame */
/** @typedef {{ type: 'person', person: Self }} PersonFrame */
/** @typedef {{ type: 'connect', from: string }} ConnectFrame */
/** @typedef {Standing & { type: 'joined', id?: string, room: string, title: string, messages: Message[], more: boolean, seq: number, change: number, members: string[], memberCount: number, away?: string[], reads: Reads }} JoinedFrame */
/** @typedef {Standing & { type: 'resumed', id?: string, room: string, complete: boolean, messages: Message[], changes: Message[], more: boolean, seq: number, change: number, members: string[], memberCount: number, away?: string[], reads: Reads }} ResumedFrame */
/** @typedef {{ type: 'join' | 'leave', room: string, from: string, members: number }} NoticeFrame */
/** @typedef {{ type: 'left', id?: string, room: string }} LeftFrame */
/** @typedef {{ type: 'created', id?: string, room: string, title: string }} CreatedFrame */
/** `by`: who has invited this person. @typedef {{ type: 'room', id?: string, summary: RoomSummary, by?: string }} RoomFrame */
/** @typedef {{ type: 'direct', id?: string, summary: RoomSummary }} DirectFrame */
/** @typedef {{ type: 'invited' | 'removed', id?: string, room: string }} AdmittedFrame */
/** `by`: who has seen to it; empty: whoever it is about. @typedef {{ type: 'membership', room: string, person: Member, member: boolean, by: string }} MembershipFrame */
/** @typedef {{ type: 'gone', room: string }} GoneFrame */
/** `person`: somebody else has read. @typedef {{ type: 'read', id?: string, room: string, seq: number, mentions: number, person?: number }} ReadFrame */
/** @typedef {{ type: 'quiet', id?: string, room: string, on: boolean }} QuietFrame */
/** @typedef {{ type: 'typing', room: string, from: string, person?: number }} TypingFrame */
/** @typedef {{ type: 'members', id?: string, room: string, people: Member[] }} MembersFrame */
/** Something was said where this connection is not. @typedef {{ type: 'activity', room: string, seq: number, from: string, person?: number, ts: number, unread: number, mentions: number, data: string }} ActivityFrame */
/** @typedef {{ type: 'rooms', id?: string, rooms: RoomSummary[] }} RoomsFrame */
/** @typedef {{ type: 'message', id?: string, message: Message }} MessageFrame */
/** @typedef {{ type: 'changed', id?: string, room: string, seq: number, change: number, message: Message }} ChangedFrame */
/** @typedef {{ type: 'reaction', id?: string, room: string, seq: number, change: number, emoji: string, from: string, on: boolean, count: number, names?: string[] }} ReactionFrame */
/** @typedef {{ type: 'history', id?: string, room: string, messages: Message[], more: boolean, seq?: number }} HistoryFrame */
/** A message that a search has found, and what is shown of it: pieces of which every second one is what was searched for. */
/** @typedef {{ message: Message, context: string[] }} Hit */
/** @typedef {{ type: 'found', id?: string, hits: Hit[], more: boolean, cursor?: string }} FoundFrame */
/** @typedef {{ type: 'who', id?: string, room: string, members: string[], memberCount: number, away?: string[] }} WhoFrame */
/** @typedef {{ type: 'moderated', id?: string }} ModeratedFrame */
/** @typedef {{ type: 'guests', id?: string, allowed: boolean }} GuestsFrame */
/** `invitation`: what is shown to be let in. @typedef {{ type: 'invitation', id?: string, invitation: string }} InvitationFrame */
/** One that holds; `until`: milliseconds since 1970. @typedef {{ number: number, by: string, until: number, uses: number }} Invitation */
/** @typedef {{ type: 'invitations', id?: string, invitations: Invitation[] }} InvitationsFrame */
/** @typedef {{ type: 'revoked', id?: string, number: number }} RevokedFrame */
/** Of a name in the rooms that it is in, or of a person with whom one talks directly. @typedef {{ type: 'presence', name: string, person?: number, whereabouts: Whereabouts }} PresenceFrame */
/** @typedef {{ type: 'error', id?: string, code: string, data: string, room?: string, name?: string, retryAfterMs?: number }} ErrorFrame */

/**
 * @typedef {DirectFrame | AdmittedFrame | MembershipFrame | GoneFrame | ReadFrame | QuietFrame | TypingFrame | MembersFrame | ActivityFrame
 *   | WelcomeFrame | PersonFrame | PresenceFrame | ModeratedFrame | GuestsFrame | InvitationFrame | InvitationsFrame | RevokedFrame | ConnectFrame | JoinedFrame | ResumedFrame | NoticeFrame | LeftFrame | CreatedFrame
 *   | RoomFrame | RoomsFrame | MessageFrame | ChangedFrame | ReactionFrame | HistoryFrame | FoundFrame | WhoFrame | ErrorFrame} Frame
 */

/**
 * A request, without its `id`.
 * @typedef {{ type: 'connect', text: string, client: string }
 *   | { type: 'join' | 'leave' | 'who' | 'members' | 'typing', room: string }
 *   | { type: 'create', room: string, private?: true, topic?: string }
 *   | { type: 'direct', people?: number[], names?: string[] }
 *   | { type: 'invite', room: string, person: number }
 *   | { type: 'invite', room: string, name: string }
 *   | { type: 'remove', room: string, person: number }
 *   | { type: 'rename', room: string, title: string }
 *   | { type: 'topic', room: string, topic: string }
 *   | { type: 'archive', room: string, archived: boolean }
 *   | { type: 'read', room: string, seq: number }
 *   | { type: 'quiet', room: string, on: boolean }
 *   | { type: 'rooms' }
 *   | { type: 'message', room: string, text: string, reply_to?: number }
 *   | { type: 'edit', room: string, seq: number, text: string }
 *   | { type: 'delete', room: string, seq: number }
 *   | { type: 'react', room: string, seq: number, emoji: string, on: boolean }
 *   | { type: 'away', away: boolean }
 *   | { type: 'mute', name: string, minutes: number }
 *   | { type: 'unmute' | 'kick' | 'ban' | 'unban', name: string }
 *   | { type: 'guests', allowed: boolean }
 *   | { type: 'rename_person', person?: number, name?: string, to: string }
 *   | { type: 'invitation', days: number, uses: number }
 *   | { type: 'invitations' }
 *   | { type: 'revoke', number: number }
 *   | { type: 'history', room: string, before: number, limit: number }
 *   | { type: 'history', room: string, at: number, limit: number }
 *   | { type: 'search', text: string, room?: string, from?: string, after?: number, before?: number, limit: number, cursor?: string }
 *   | { type: 'resume', rooms: Record<string, { seq: number, change: number }> }} Request
 */

/** Longer than this nobody waits for a server, whatever it says, in milliseconds. */
const RETRY_MS_MAX = 300_000;

/** What holds until a server has said otherwise. @type {Limits} */
export const LIMITS_DEFAULT = Object.freeze({ text: 4000, name: 32, room: 48, page: 50 });

/**
 * @param {unknown} data what a socket delivered
 * @returns {Frame | null} null for what this page does not know: it is skipped, as the protocol asks
 */
export function parseFrame(data) {
  if (typeof data !== 'string') return null;
  /** @type {unknown} */
  let value;
  try {
    value = JSON.parse(data);
  } catch {
    return null;
  }
  if (!isObject(value) || typeof value.type !== 'string') return null;
  const read = READERS[value.type];
  if (!Object.hasOwn(READERS, value.type) || read === undefined) return null;
  try {
    return read(value);
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

/**
 * @param {unknown} value what came with who one is
 * @returns {RoomEnd | null} null where there is none, or none that this page understands
 */
export function readRoomEnd(value) {
  if (!isObject(value)) return null;
  try {
    const { messages, more } = page(value);
    return { summary: summary(value), messages, more, change: count(value.change), reads: reads(value) };
  } catch (error) {
    if (error instanceof Malformed) return null;
    throw error;
  }
}

/** A value that a frame needs is missing or of the wrong type. */
class Malformed extends Error {}

/** @type {Record<string, (v: Record<string, unknown>) => Frame>} */
const READERS = {
  welcome: (v) => ({ type: 'welcome', ...id(v), name: string(v.name), person: readSelf(v.person), rooms: list(v.rooms, summary), limits: limits(v.limits) }),
  moderated: (v) => ({ type: 'moderated', ...id(v) }),
  guests: (v) => ({ type: 'guests', ...id(v), allowed: v.allowed === true }),
  invitation: (v) => ({ type: 'invitation', ...id(v), invitation: string(v.invitation) }),
  invitations: (v) => ({ type: 'invitations', ...id(v), invitations: list(v.invitations, invitation) }),
  revoked: (v) => ({ type: 'revoked', ...id(v), number: number(v.number) }),
  presence: (v) => ({ type: 'presence', name: string(v.name), ...person(v), whereabouts: whereabouts(v) }),
  person: (v) => ({ type: 'person', person: self(v.person) }),
  connect: (v) => ({ type: 'connect', from: string(v.from) }),
  joined: (v) => ({ type: 'joined', ...id(v), ...page(v), title: string(v.title), seq: number(v.seq), change: count(v.change), ...members(v), ...standing(v), reads: reads(v) }),
  resumed: (v) => ({ type: 'resumed', ...id(v), ...page(v), complete: v.complete === true, changes: changes(v), seq: number(v.seq), change: count(v.change), ...members(v), ...standing(v), reads: reads(v) }),
  join: (v) => ({ type: 'join', room: string(v.room), from: string(v.from), members: number(v.members) }),
  leave: (v) => ({ type: 'leave', room: string(v.room), from: string(v.from), members: number(v.members) }),
  left: (v) => ({ type: 'left', ...id(v), room: string(v.room) }),
  created: (v) => ({ type: 'created', ...id(v), room: string(v.room), title: string(v.title) }),
  room: (v) => ({ type: 'room', ...id(v), summary: summary(v), ...(typeof v.by === 'string' ? { by: v.by } : {}) }),
  direct: (v) => ({ type: 'direct', ...id(v), summary: summary(v.room) }),
  invited: (v) => ({ type: 'invited', ...id(v), room: string(v.room) }),
  removed: (v) => ({ type: 'removed', ...id(v), room: string(v.room) }),
  membership: (v) => ({ type: 'membership', room: string(v.room), person: member(v.person), member: v.member === true, by: typeof v.by === 'string' ? v.by : '' }),
  gone: (v) => ({ type: 'gone', room: string(v.room) }),
  read: (v) => ({ type: 'read', ...id(v), room: string(v.room), seq: number(v.seq), mentions: count(v.mentions), ...person(v) }),
  quiet: (v) => ({ type: 'quiet', ...id(v), room: string(v.room), on: v.on === true }),
  typing: (v) => ({ type: 'typing', room: string(v.room), from: string(v.from), ...person(v) }),
  members: (v) => ({ type: 'members', ...id(v), room: string(v.room), people: list(v.people, member) }),
  activity: (v) => ({ type: 'activity', room: string(v.room), seq: number(v.seq), from: string(v.from), ...person(v), ts: number(v.ts), unread: count(v.unread), mentions: count(v.mentions), data: string(v.data) }),
  rooms: (v) => ({ type: 'rooms', ...id(v), rooms: list(v.rooms, summary) }),
  message: (v) => ({ type: 'message', ...id(v), message: message(v) }),
  changed: (v) => ({ type: 'changed', ...id(v), room: string(v.room), seq: number(v.seq), change: number(v.change), message: message(v.message) }),
  reaction: (v) => ({
    type: 'reaction', ...id(v), room: string(v.room), seq: number(v.seq), change: number(v.change),
    emoji: string(v.emoji), from: string(v.from), on: v.on === true, count: number(v.count),
    ...(v.names === undefined ? {} : { names: list(v.names, string) }),
  }),
  history: (v) => ({ type: 'history', ...id(v), ...page(v), ...(typeof v.seq === 'number' ? { seq: v.seq } : {}) }),
  found: (v) => ({ type: 'found', ...id(v), hits: list(v.hits, hit), more: v.more === true, ...(typeof v.cursor === 'string' ? { cursor: v.cursor } : {}) }),
  who: (v) => ({ type: 'who', ...id(v), room: string(v.room), ...members(v) }),
  error: (v) => ({
    type: 'error',
    ...id(v),
    code: string(v.code),
    data: typeof v.data === 'string' ? v.data : '',
    ...(typeof v.room === 'string' ? { room: v.room } : {}),
    ...(typeof v.name === 'string' ? { name: v.name } : {}),
    ...(typeof v.retry_after_ms === 'number' && v.retry_after_ms >= 0 ? { retryAfterMs: Math.min(v.retry_after_ms, RETRY_MS_MAX) } : {}),
  }),
};

/** @param {unknown} v @returns {v is Record<string, unknown>} */
function isObject(v) {
  return typeof v === 'object' && v !== null && !Array.isArray(v);
}

/** @param {unknown} v @returns {string} */
function string(v) {
  if (typeof v !== 'string') throw new Malformed();
  return v;
}

/** @param {unknown} v @returns {Self} */
function self(v) {
  const person = readSelf(v);
  if (person === null) throw new Malformed();
  return person;
}

/** @param {unknown} v @returns {number} */
function number(v) {
  if (typeof v !== 'number' || !Number.isFinite(v)) throw new Malformed();
  return v;
}

/**
 * @template T
 * @param {unknown} v
 * @param {(item: unknown) => T} read
 * @returns {T[]}
 */
function list(v, read) {
  if (!Array.isArray(v)) throw new Malformed();
  return v.map((item) => read(item));
}

/** @param {Record<string, unknown>} v @returns {{ id?: string }} */
function id(v) {
  return typeof v.id === 'string' ? { id: v.id } : {};
}

/** @param {Record<string, unknown>} v @returns {{ room: string, messages: Message[], more: boolean }} */
function page(v) {
  const room = string(v.room);
  return { room, messages: list(v.messages, (item) => message(isObject(item) ? { room, ...item } : item)), more: v.more === true };
}

/**
 * The list may have been cut; the count is of all.
 * @param {Record<string, unknown>} v
 * @returns {{ members: string[], memberCount: number, away?: string[] }}
 */
function members(v) {
  const names = list(v.members, string);
  return {
    members: names,
    memberCount: typeof v.member_count === 'number' ? v.member_count : names.length,
    ...(Array.isArray(v.people) ? { away: v.people.filter((person) => isObject(person) && person.presence === 'away').map(({ name }) => string(name)) } : {}),
  };
}

/** @param {unknown} v @returns {Message} */
function message(v) {
  if (!isObject(v)) throw new Malformed();
  return {
    ...id(v), room: string(v.room), seq: number(v.seq), from: string(v.from), data: string(v.data), ts: number(v.ts),
    deleted: v.deleted === true, change: count(v.change), reactions: v.reactions === undefined ? [] : list(v.reactions, reaction),
    ...person(v),
    ...(Array.isArray(v.mentions) ? { mentions: v.mentions.filter((each) => typeof each === 'number') } : {}),
    ...(typeof v.html === 'string' ? { html: v.html } : {}),
    ...(typeof v.edited === 'number' ? { edited: v.edited } : {}),
    ...(typeof v.quote === 'string' ? { quote: v.quote } : {}),
    ...(isObject(v.reply) ? { reply: reply(v.reply) } : {}),
  };
}

/** @param {unknown} v @returns {Hit} */
function hit(v) {
  if (!isObject(v)) throw new Malformed();
  return { message: message(v), context: list(v.context, string) };
}

/** @param {unknown} v @returns {Reaction} */
function reaction(v) {
  if (!isObject(v)) throw new Malformed();
  return { emoji: string(v.emoji), count: number(v.count), from: list(v.from, string), mine: v.mine === true };
}

/** @param {Record<string, unknown>} v @returns {Reply} */
function reply(v) {
  return { seq: number(v.seq), from: string(v.from), data: string(v.data), deleted: v.deleted === true };
}

/** A number that servers of earlier versions do not send. @param {unknown} v */
function count(v) {
  return v === undefined ? 0 : number(v);
}

/** @param {Record<string, unknown>} v @returns {Message[]} */
function changes(v) {
  const room = string(v.room);
  return v.changes === undefined ? [] : list(v.changes, (item) => message(isObject(item) ? { room, ...item } : item));
}

/** @param {unknown} v @returns {RoomSummary} */
function summary(v) {
  if (!isObject(v)) throw new Malformed();
  return {
    room: string(v.room), title: string(v.title), seq: number(v.seq), members: count(v.members), whole: v.joined !== undefined,
    kind: v.kind === 'private' || v.kind === 'direct' ? v.kind : 'public', topic: typeof v.topic === 'string' ? v.topic : '', archived: v.archived === true,
    ...standing(v), muted: v.muted === true, manage: v.manage === true, people: v.people === undefined ? [] : list(v.people, member),
  };
}

/** @param {Record<string, unknown>} v @returns {Standing} */
function standing(v) {
  return { member: v.member === true, read: typeof v.read === 'number' ? v.read : null, mentions: count(v.mentions) };
}

/** @param {Record<string, unknown>} v @returns {{ person?: number }} */
function person(v) {
  return typeof v.person === 'number' ? { person: v.person } : {};
}

/** @param {unknown} v @returns {Member} */
function member(v) {
  if (!isObject(v)) throw new Malformed();
  const isSaid = v.presence !== undefined || v.seen_ms !== undefined;
  return { id: number(v.id), name: string(v.name), ...(isSaid ? { whereabouts: whereabouts(v) } : {}) };
}

/** @param {Record<string, unknown>} v @returns {Whereabouts} */
function whereabouts(v) {
  const presence = v.presence === 'away' || v.presence === 'online' ? v.presence : 'offline';
  return { presence, ...(typeof v.seen_ms === 'number' ? { seenMs: v.seen_ms } : {}) };
}

/** @param {unknown} v @returns {Invitation} */
function invitation(v) {
  if (!isObject(v)) throw new Malformed();
  return { number: number(v.number), by: string(v.by), until: number(v.until_ms), uses: number(v.uses) };
}

/** @param {Record<string, unknown>} v @returns {Reads} */
function reads(v) {
  return v.reads === undefined ? [] : list(v.reads, (item) => {
    if (!isObject(item)) throw new Malformed();
    return [number(item.person), number(item.seq)];
  });
}

/** @param {unknown} v @returns {Limits} */
function limits(v) {
  const given = isObject(v) ? v : {};
  /** @param {keyof Limits} key */
  const of = (key) => (typeof given[key] === 'number' && given[key] > 0 ? /** @type {number} */ (given[key]) : LIMITS_DEFAULT[key]);
  return { text: of('text'), name: of('name'), room: of('room'), page: of('page') };
}
