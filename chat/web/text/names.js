/** What a name looks like: its initials and its colour. */

import { excess } from './count.js';

/** How many colours styles/people.css has; `data-hue` is from 0 up to this. */
export const HUES = 12;

const segmenter = typeof Intl.Segmenter === 'function' ? new Intl.Segmenter(undefined, { granularity: 'grapheme' }) : null;

/**
 * One character for a name in a script such as Chinese, up to two for one of several words: 李雷 → 李, Ann Lee → AL.
 * @param {string} name
 * @returns {string}
 */
export function initials(name) {
  const words = name.trim().split(/[\s\-_.·・]+/u).filter((word) => word !== '');
  const [first = '', second = ''] = words;
  const one = firstGrapheme(first);
  if (!/^\p{Script=Latin}|^\p{Script=Greek}|^\p{Script=Cyrillic}/u.test(one)) return one || '?';
  return (one + (/^\p{L}/u.test(second) ? firstGrapheme(second) : '')).toLocaleUpperCase();
}

/**
 * The same name has the same colour for everyone, in every room and session.
 * @param {string} name
 * @returns {number} 0 … HUES - 1
 */
export function hueOf(name) {
  // FNV-1a over UTF-16 units, mixed once more. The starting value is one with which common names, Latin and Chinese, spread well.
  let hash = 218;
  for (let i = 0; i < name.length; i += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  }
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  hash ^= hash >>> 12;
  return (hash >>> 0) % HUES;
}

/**
 * The reason why the server would refuse `name`, or null. Saying it here saves a round trip; the server has the last word.
 * @param {string} name
 * @param {number} nameMax in characters
 * @returns {'bad_name' | 'name_too_long' | null}
 */
export function nameProblem(name, nameMax) {
  const trimmed = name.trim();
  if (trimmed === '' || hasForbidden(trimmed)) return 'bad_name';
  return excess(trimmed, nameMax) > 0 ? 'name_too_long' : null;
}

/**
 * @param {string} title
 * @param {number} roomMax in characters
 * @returns {'bad_room' | null}
 */
export function titleProblem(title, roomMax) {
  const trimmed = title.trim();
  return trimmed === '' || hasForbidden(trimmed) || excess(trimmed, roomMax, 3 * roomMax) > 0 ? 'bad_room' : null;
}

/** The longest topic of a room, in characters; the same as the server's. */
const TOPIC_MAX = 250;

/**
 * @param {string} topic
 * @returns {'topic_too_long' | null}
 */
export function topicProblem(topic) {
  return excess(topic, TOPIC_MAX) > 0 ? 'topic_too_long' : null;
}

/**
 * What cannot be seen in a name, or turns the direction of the text around it. The server knows more of these.
 * @param {string} text
 */
function hasForbidden(text) {
  return /[\p{Cc}\p{Co}\p{Zl}\p{Zp}\u00ad\u034f\u061c\u115f\u1160\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0]/u.test(text);
}

/** @param {string} word */
function firstGrapheme(word) {
  if (segmenter === null) return Array.from(word)[0] ?? '';
  for (const { segment } of segmenter.segment(word)) return segment;
  return '';
}
