/** Finds rooms and people by a part of their name, so that one can go there without a list. */

import { language } from '../i18n/index.js';

/** @import { Room } from './room.js' */

/** At most so many are shown: whoever has not found it yet types another letter. */
export const FOUND_MAX = 50;

/** @typedef {{ kind: 'room', key: string, title: string, room: Room } | { kind: 'person', key: string, title: string }} Found */

/**
 * @typedef {object} Findable
 * @property {Iterable<Room>} rooms
 * @property {(room: Room) => string} titleOf
 * @property {readonly string[]} recent the keys of rooms, the last one that was shown first
 * @property {string | null} current the key of the room that is shown
 * @property {string} self this person's name
 * @property {readonly string[]} names of people who can be found
 */

/**
 * @param {string} query
 * @param {Findable} findable
 * @returns {Found[]} what fits best first; without a query the rooms one was in lately, then those that one is in, then the others
 */
export function find(query, { rooms, titleOf, recent, current, self, names }) {
  const wanted = folded(query);
  /** @type {{ found: Found, rank: number[] }[]} */
  const hits = [];
  /** @type {Set<string>} */
  const people = new Set(wanted === '' ? [] : names);
  for (const room of rooms) {
    if (room.problem?.code === 'no_such_room' || (room.kind !== 'public' && !room.wanted)) continue;
    const title = titleOf(room);
    // Where there is a conversation with somebody, it is found in place of the person.
    if (room.kind === 'direct') people.delete(title);
    const fit = Math.min(fitOf(title, wanted), fitOf(room.key, wanted));
    if (fit === NO_FIT) continue;
    const lately = recent.indexOf(room.key);
    hits.push({
      found: { kind: 'room', key: room.key, title, room },
      rank: [fit, Number(room.key === current), lately < 0 ? recent.length : lately, Number(!room.wanted), 0],
    });
  }
  people.delete(self);
  for (const name of people) {
    const fit = fitOf(name, wanted);
    if (fit !== NO_FIT) hits.push({ found: { kind: 'person', key: name, title: name }, rank: [fit, 0, recent.length, 1, 1] });
  }
  const collator = new Intl.Collator(language, { numeric: true });
  hits.sort((a, b) => byRank(a.rank, b.rank) || collator.compare(a.found.title, b.found.title));
  return hits.slice(0, FOUND_MAX).map(({ found }) => found);
}

/**
 * The names that have a text in them, what begins so first.
 * @param {string} query
 * @param {readonly string[]} names
 * @param {number} max
 */
export function matchNames(query, names, max) {
  const wanted = folded(query);
  const collator = new Intl.Collator(language, { numeric: true });
  return names.map((name) => ({ name, fit: fitOf(name, wanted) })).filter(({ fit }) => fit !== NO_FIT)
    .sort((a, b) => a.fit - b.fit || collator.compare(a.name, b.name)).slice(0, max).map(({ name }) => name);
}

const NO_FIT = 3;

/**
 * 0: it begins so. 1: a word of it does. 2: it has it somewhere.
 * @param {string} title
 * @param {string} wanted folded
 */
function fitOf(title, wanted) {
  const text = folded(title);
  const at = text.indexOf(wanted);
  if (at <= 0) return at === 0 ? 0 : NO_FIT;
  return /[\s\-_.]/u.test(text.charAt(at - 1)) ? 1 : 2;
}

/**
 * Without the differences that nobody types: case, width, accents.
 * @param {string} text
 */
function folded(text) {
  return text.trim().normalize('NFKD').replace(/\p{Mn}/gu, '').toLowerCase();
}

/**
 * @param {number[]} a
 * @param {number[]} b
 */
function byRank(a, b) {
  for (const [i, rank] of a.entries()) {
    if (rank !== b[i]) return rank - (b[i] ?? 0);
  }
  return 0;
}
