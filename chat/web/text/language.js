/**
 * The language of a piece of text, as far as its script tells.
 *
 * Chinese, Japanese and Korean share code points but not letter shapes or line breaks: with the right `lang` the browser
 * takes the right font, and a screen reader the right voice, also for a Chinese message in an English page; and the
 * apostrophe of an English message in a Chinese page is no wider than in English.
 *
 * @param {string} text
 * @returns {'zh-CN' | 'ja' | 'ko' | '' | null} '' for some other language, nobody knows which; null without any letters
 */
export function languageOf(text) {
  if (/[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text)) return 'ja';
  if (/\p{Script=Hangul}/u.test(text)) return 'ko';
  if (/\p{Script=Han}/u.test(text)) return 'zh-CN';
  return /\p{L}/u.test(text) ? '' : null;
}
