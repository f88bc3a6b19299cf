/** The page's languages: which one it speaks, and its sentences. */

import en from './en.js';
import zhCN from './zh-CN.js';

/** @import { Problem } from '../state/store.js' */
/** @typedef {typeof en} Sentences */
/** @typedef {'en' | 'zh-CN'} Language */

/** @type {Record<Language, Sentences>} */
const SENTENCES = { en, 'zh-CN': zhCN };

/** The sentences of the language that the page speaks. @type {Sentences} */
export let t = en;

/** @type {Language} */
export let language = 'en';

/** The locale for dates and numbers: the person's own variant of the language where there is one, such as en-GB. */
export let locale = 'en';

/**
 * @param {string | null} stored the language that was chosen here before
 * @param {readonly string[]} preferred the browser's, best first
 * @returns {Language}
 */
export function pickLanguage(stored, preferred) {
  for (const wanted of stored === null ? preferred : [stored, ...preferred]) {
    if (/^zh\b/i.test(wanted)) return 'zh-CN';
    if (/^en\b/i.test(wanted)) return 'en';
  }
  return 'en';
}

/**
 * @param {Language} chosen
 * @param {readonly string[]} preferred
 */
export function speak(chosen, preferred) {
  language = chosen;
  t = SENTENCES[chosen];
  const base = chosen.slice(0, 2).toLowerCase();
  locale = preferred.find((tag) => tag.toLowerCase().startsWith(base)) ?? chosen;
}

/**
 * The sentence for an error code: ours where there is one, otherwise the server's own.
 * @param {Pick<Problem, 'code' | 'sentence' | 'name' | 'retryAfterMs'>} problem
 * @returns {string}
 */
export function explain({ code, sentence, name, retryAfterMs }) {
  if (code === 'rate_limited' && retryAfterMs !== undefined) return t.rateLimited(Math.max(1, Math.ceil(retryAfterMs / 1_000)));
  if (code === 'name_taken' && name !== undefined) return t.nameTaken(isolated(name));
  if (code === 'out_of_room' && name !== undefined) return t.outOfRoom(isolated(name));
  const known = Object.hasOwn(t.errors, code) ? t.errors[/** @type {keyof Sentences['errors']} */ (code)] : '';
  return known || sentence || t.errors.internal;
}

/**
 * A name or title inside a sentence: whatever its direction, it does not turn the sentence around.
 * @param {string} text
 */
export function isolated(text) {
  return `\u2068${text}\u2069`;
}
