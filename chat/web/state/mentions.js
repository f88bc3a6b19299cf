/** Whether a text speaks of somebody. */

/** @import { Self } from '../net/account.js' */
/** @import { Message } from '../net/frames.js' */

/** The words that speak of everybody. */
export const EVERYBODY = ['room', '所有人'];

/** Whether the server says of a message that it speaks of this person, or of everybody. @param {Pick<Message, 'mentions'>} message @param {Self | null} self */
export function speaksOf({ mentions: people = [] }, self) {
  return self !== null && people.some((person) => person === 0 || person === self.id);
}

/**
 * A text in pieces: every second one is a mention of one of these names, or of everybody.
 * @param {string} text
 * @param {readonly string[]} names
 * @returns {string[]}
 */
export function splitMentions(text, names) {
  const words = names.map((name) => name.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|');
  return words === '' ? [text] : text.split(new RegExp(`((?<![\\p{L}\\p{N}])@(?:${words})(?![\\p{Script=Latin}\\p{N}]))`, 'iu'));
}

/**
 * A name in letters with spaces between words counts only as a whole word; one in Chinese, where there are none, anywhere.
 * @param {string} text
 * @param {string} name
 */
export function mentions(text, name) {
  const [where, what] = [text, name].map((each) => each.normalize('NFC').toLowerCase());
  if (what === undefined || where === undefined || what === '') return false;
  for (let at = where.indexOf(what); at >= 0; at = where.indexOf(what, at + 1)) {
    if (isEdge(where.slice(0, at).at(-1), what.at(0)) && isEdge(what.at(-1), where.at(at + what.length))) return true;
  }
  return false;
}

/**
 * Whether a word ends between two characters.
 * @param {string | undefined} before
 * @param {string | undefined} after
 */
function isEdge(before, after) {
  if (before === undefined || after === undefined) return true;
  return !isLetter(before) || !isLetter(after) || isHan(before) || isHan(after);
}

/** @param {string} character */
function isLetter(character) {
  return /[\p{L}\p{N}\p{M}]/u.test(character);
}

/** @param {string} character */
function isHan(character) {
  return /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(character);
}
