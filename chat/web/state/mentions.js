/** Whether a text speaks of somebody. */

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
