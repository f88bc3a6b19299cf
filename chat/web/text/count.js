/** Lengths as the protocol counts them: in characters as people see them (grapheme clusters), and in bytes. */

const segmenter = typeof Intl.Segmenter === 'function' ? new Intl.Segmenter(undefined, { granularity: 'grapheme' }) : null;

/** A text of more UTF-16 units than this is too long by any count: it is measured fast, not exactly. */
const COUNTED_MAX = 40_000;

/**
 * A family of emoji is one, and so is a letter with its accents.
 * @param {string} text
 * @returns {number}
 */
export function characters(text) {
  if (segmenter === null || text.length > COUNTED_MAX) return Array.from(text).length;
  let count = 0;
  for (const _ of segmenter.segment(text)) count += 1;
  return count;
}

const encoder = new TextEncoder();

/**
 * What the server keeps of each character on average, at most.
 * @type {4}
 */
const BYTES_PER_CHARACTER = 4;

/**
 * How many characters are too many, for a text that may have `max`: also where what looks like few characters has too many bytes.
 * @param {string} text
 * @param {number} max
 * @param {number} [bytesMax]
 * @returns {number} negative or zero: it is short enough
 */
export function excess(text, max, bytesMax = max * BYTES_PER_CHARACTER) {
  const over = characters(text) - max;
  if (over > 0 || text.length * 3 <= bytesMax) return over;
  const bytesOver = encoder.encode(text).length - bytesMax;
  return bytesOver > 0 ? Math.ceil(bytesOver / BYTES_PER_CHARACTER) : over;
}
