/**
 * How long to wait before trying to connect again.
 *
 * Full jitter: a delay anywhere between nothing and a ceiling that doubles with every attempt, so that the
 * clients of a server that went away do not all come back in the same instant.
 */

/** The ceiling of the first delay, in milliseconds. */
export const DELAY_FIRST_MS = 500;

/** No ceiling is higher than this, in milliseconds. */
export const DELAY_MAX_MS = 30_000;

/**
 * @param {number} attempt how many attempts have failed since the last good connection, from 0
 * @param {() => number} random a number from 0 up to but not including 1
 * @returns {number} milliseconds
 */
export function reconnectDelay(attempt, random) {
  const ceiling = Math.min(DELAY_MAX_MS, DELAY_FIRST_MS * 2 ** Math.min(attempt, 16));
  return Math.floor(random() * ceiling);
}
