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
 * A text in pieces: every second one is a mention of one of these names, or of everybody, by the server's rule.
 * @param {string} text
 * @param {readonly string[]} names
 * @returns {string[]}
 */
export function splitMentions(text, names) {
  const wanted = names.map(fold).filter((name) => name !== '').sort((a, b) => b.length - a.length);
  const [longest = ''] = wanted;
  const pieces = [];
  let end = 0;
  for (const { index } of longest === '' ? [] : text.matchAll(SIGN)) {
    // In other Unicode forms the same letters may take more characters.
    const length = index < end ? 0 : beginning(text.slice(index + 1, index + 1 + 4 * longest.length + 4), wanted);
    if (length === 0) continue;
    pieces.push(text.slice(end, index), text.slice(index, index + 1 + length));
    end = index + 1 + length;
  }
  return [...pieces, text.slice(end)];
}

/** Characters that continue a word. Not those of scripts without spaces: there a name can end anywhere. */
const OF_A_WORD = '(?![\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Bopomofo}\\p{Script=Hangul}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}ー])[\\p{Alphabetic}\\p{N}_]';
const ENDS_WITHIN_A_WORD = new RegExp(`${OF_A_WORD}$`, 'u');
const BEGINS_WITHIN_A_WORD = new RegExp(`^${OF_A_WORD}`, 'u');

/** An `@` that can begin a mention: not within an e-mail or web address. */
const SIGN = new RegExp(`(?<!${OF_A_WORD}|/)[@＠]`, 'gu');

/** In the form in which names are compared. @param {string} text */
function fold(text) {
  return Array.from(text.normalize('NFKC'), (character) => character.toLowerCase()).join('').normalize('NFKC');
}

/**
 * How much of a text is the first of these names with which it begins; 0: none.
 * @param {string} text
 * @param {readonly string[]} names folded
 */
function beginning(text, names) {
  const folded = fold(text);
  const name = names.find((each) => folded.startsWith(each) && !(ENDS_WITHIN_A_WORD.test(each) && BEGINS_WITHIN_A_WORD.test(folded.slice(each.length))));
  if (name === undefined) return 0;
  let length = 0;
  for (const character of text) {
    length += character.length;
    if (fold(text.slice(0, length)) === name) return length;
  }
  return 0;
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
