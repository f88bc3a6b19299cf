/**
 * What outlives the page: in `localStorage` for every tab of this browser, in `sessionStorage` for this tab alone.
 *
 * Storage may be switched off, full, or hold what an older page wrote: then things are merely not remembered.
 */

import { isHidden } from './address.js';

/** @import { Notify } from '../elements/notifier.js' */
/** @import { Reply } from '../net/frames.js' */
/** @import { Edit } from './drafts.js' */
/** @import { Outgoing } from './outbox.js' */

const PREFIX = 'switchboard.';

/** The most rooms that are remembered. */
const ROOMS_MAX = 200;

/** So many emoji are remembered, of this length at most. */
const EMOJI_MAX = 16;
const EMOJI_LENGTH_MAX = 32;

/** The most rooms of which it is remembered that they were shown lately. */
const RECENT_MAX = 20;

/** @typedef {{ getItem(key: string): string | null, setItem(key: string, value: string): void, removeItem(key: string): void }} StringStorage */

export class Memory {
  #local;
  #tab;

  /**
   * @param {() => StringStorage} local
   * @param {() => StringStorage} tab
   */
  constructor(local, tab) {
    this.#local = new SafeStorage(local);
    this.#tab = new SafeStorage(tab);
  }

  get name() {
    return this.#local.text('name') ?? '';
  }

  set name(name) {
    this.#local.write('name', name);
  }

  /** The page was begun anew because the session had ended: that is said once. */
  get signedOut() {
    return this.#tab.text('signedOut') !== null;
  }

  set signedOut(signedOut) {
    this.#tab.write('signedOut', signedOut ? 'yes' : null);
  }

  /** By which one comes in here; until it has been used. */
  get invitation() {
    return this.#tab.text('invitation');
  }

  set invitation(invitation) {
    this.#tab.write('invitation', invitation);
  }

  /** Whoever comes next in this browser is somebody else. */
  forgetPerson() {
    for (const key of ['name', 'rooms', 'room', 'recent', 'member', 'drafts', 'replies', 'edits']) this.#local.write(key, null);
    this.forgetTab();
  }

  /** Whoever comes next in this tab is somebody else, who has been in another one already. */
  forgetTab() {
    for (const key of ['room', 'client', 'outbox']) this.#tab.write(key, null);
  }

  /** The language that was chosen here, if one was. */
  get language() {
    return this.#local.text('language');
  }

  set language(language) {
    this.#local.write('language', language);
  }

  /** The emoji that were used last, the latest first. @returns {string[]} */
  get emoji() {
    const value = this.#local.json('emoji');
    return Array.isArray(value) ? value.filter((emoji) => typeof emoji === 'string' && emoji.length <= EMOJI_LENGTH_MAX).slice(0, EMOJI_MAX) : [];
  }

  /** @param {string} emoji */
  rememberEmoji(emoji) {
    this.#local.write('emoji', JSON.stringify([emoji, ...this.emoji.filter((other) => other !== emoji)].slice(0, EMOJI_MAX)));
  }

  /** Light or dark, if that was chosen here. */
  get theme() {
    return this.#local.text('theme');
  }

  set theme(theme) {
    this.#local.write('theme', theme);
  }

  /** Of what one is notified. @returns {Notify} */
  get notify() {
    const value = this.#local.text('notify');
    return value === 'mentions' || value === 'all' ? value : 'off';
  }

  set notify(notify) {
    this.#local.write('notify', notify);
  }

  /** Whether that makes a sound. */
  get sound() {
    return this.#local.text('sound') === 'on';
  }

  set sound(sound) {
    this.#local.write('sound', sound ? 'on' : null);
  }

  /** The room that was shown last. */
  get room() {
    return this.#tab.text('room') ?? this.#local.text('room');
  }

  set room(key) {
    this.#tab.write('room', key);
    this.#local.write('room', key);
    if (key === null) return;
    const recent = [key, ...this.recentRooms.filter((other) => other !== key)].slice(0, RECENT_MAX);
    this.#local.write('recent', JSON.stringify(recent));
  }

  /** The keys of the rooms that were shown lately, the last one first. @returns {string[]} */
  get recentRooms() {
    const value = this.#local.json('recent');
    return Array.isArray(value) ? value.filter((key) => typeof key === 'string').slice(0, RECENT_MAX) : [];
  }

  /**
   * The rooms that this person is in, and up to which `seq` each was read; null on the first visit.
   * @returns {Map<string, number | null> | null}
   */
  get rooms() {
    const value = this.#local.json('rooms');
    if (typeof value !== 'object' || value === null) return null;
    return new Map(Object.entries(value).filter(([, read]) => read === null || typeof read === 'number').slice(-ROOMS_MAX));
  }

  /**
   * Other tabs keep their rooms in the same place: only this one is written anew. What is not public is the server's to remember.
   * @param {string} key
   * @param {number | null} read null for a room that one has not seen yet
   */
  rememberRoom(key, read) {
    if (!isHidden(key)) this.#writeRooms((this.rooms ?? new Map()).set(key, read));
  }

  /** The number of the person whose memberships the server knows; what is remembered of others is news to it. */
  get member() {
    return Number(this.#local.text('member') ?? NaN);
  }

  set member(id) {
    this.#local.write('member', String(id));
  }

  /** What was written and not sent, by room, the latest last. @returns {Map<string, string>} */
  get drafts() {
    const value = this.#local.json('drafts');
    if (typeof value !== 'object' || value === null) return new Map();
    return new Map(Object.entries(value).filter(([, text]) => typeof text === 'string'));
  }

  set drafts(drafts) {
    this.#local.write('drafts', drafts.size === 0 ? null : JSON.stringify(Object.fromEntries(drafts)));
  }

  /** What the drafts answer, by room, the latest last. @returns {Map<string, Reply>} */
  get replies() {
    const value = this.#local.json('replies');
    if (typeof value !== 'object' || value === null) return new Map();
    return new Map(Object.entries(value).filter(([, reply]) => Number.isSafeInteger(reply?.seq) && typeof reply.from === 'string' && typeof reply.data === 'string' && typeof reply.deleted === 'boolean'));
  }

  set replies(replies) {
    this.#local.write('replies', replies.size === 0 ? null : JSON.stringify(Object.fromEntries(replies)));
  }

  /** The messages whose texts are being changed, by room, the latest last. @returns {Map<string, Edit>} */
  get edits() {
    const value = this.#local.json('edits');
    if (typeof value !== 'object' || value === null) return new Map();
    return new Map(Object.entries(value).filter(([, edit]) => Number.isSafeInteger(edit?.seq) && ['from', 'data', 'text'].every((key) => typeof edit[key] === 'string')));
  }

  set edits(edits) {
    this.#local.write('edits', edits.size === 0 ? null : JSON.stringify(Object.fromEntries(edits)));
  }

  /** These, and no others. @param {Iterable<{ key: string, read: number | null }>} rooms */
  keepRooms(rooms) {
    this.#writeRooms(new Map([...rooms].filter(({ key }) => !isHidden(key)).map(({ key, read }) => [key, read])));
  }

  /** @param {string} key */
  forgetRoom(key) {
    const rooms = this.rooms ?? new Map();
    rooms.delete(key);
    this.#writeRooms(rooms);
  }

  /**
   * The random string under which this tab's message ids are unique.
   * @param {() => string} create
   */
  client(create) {
    let client = this.#tab.text('client');
    if (client === null) {
      client = create();
      this.#tab.write('client', client);
    }
    return client;
  }

  /** @param {Map<string, number | null>} rooms */
  #writeRooms(rooms) {
    this.#local.write('rooms', JSON.stringify(Object.fromEntries(rooms)));
  }

  /** @returns {Outgoing[]} */
  get outbox() {
    const value = this.#tab.json('outbox');
    return Array.isArray(value) ? value.filter(isOutgoing) : [];
  }

  set outbox(list) {
    this.#tab.write('outbox', list.length === 0 ? null : JSON.stringify(list));
  }
}

class SafeStorage {
  /** @type {StringStorage | null} */
  #storage = null;

  /** @param {() => StringStorage} storage may throw */
  constructor(storage) {
    try {
      this.#storage = storage();
    } catch {
      // Cookies and storage are blocked for this site.
    }
  }

  /** @param {string} key */
  text(key) {
    try {
      return this.#storage?.getItem(PREFIX + key) ?? null;
    } catch {
      return null;
    }
  }

  /** @param {string} key @returns {unknown} */
  json(key) {
    try {
      return JSON.parse(this.text(key) ?? 'null');
    } catch {
      return null;
    }
  }

  /**
   * @param {string} key
   * @param {string | null} value
   */
  write(key, value) {
    try {
      if (value === null) this.#storage?.removeItem(PREFIX + key);
      else this.#storage?.setItem(PREFIX + key, value);
    } catch {
      // Full, or switched off.
    }
  }
}

/** @param {any} value @returns {value is Outgoing} */
function isOutgoing(value) {
  return typeof value === 'object' && value !== null
    && ['id', 'room', 'text', 'state', 'code', 'sentence'].every((key) => typeof value[key] === 'string')
    && typeof value.ts === 'number' && typeof value.attempts === 'number'
    && (value.echo === null || typeof value.echo === 'number')
    && (value.reply === undefined || isReply(value.reply));
}

/** @param {any} value */
function isReply(value) {
  return typeof value === 'object' && value !== null && typeof value.seq === 'number' && typeof value.from === 'string'
    && typeof value.data === 'string' && typeof value.deleted === 'boolean';
}
