/** Whether anybody is at this page: it is looked at, and something was done on it not long ago. */

/** Who has done nothing for so long is away, in milliseconds. */
const AWAY_AFTER_MS = 5 * 60_000;

/** More often than this nobody needs to know that something was done. */
const NOTICED_EVERY_MS = 1_000;

const SIGNS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart', 'focus'];

/** @param {(isAway: boolean) => void} tell called when it changes */
export function watchIdle(tell) {
  let lastSign = performance.now();
  let isAway = false;
  /** @type {number | undefined} */
  let timer;

  const look = () => {
    window.clearTimeout(timer);
    const quiet = performance.now() - lastSign;
    const now = document.visibilityState !== 'visible' || quiet >= AWAY_AFTER_MS;
    if (!now) timer = window.setTimeout(look, AWAY_AFTER_MS - quiet + 1);
    if (now === isAway) return;
    isAway = now;
    tell(isAway);
  };
  const sign = () => {
    if (!isAway && performance.now() - lastSign < NOTICED_EVERY_MS) return;
    lastSign = performance.now();
    if (isAway) look();
  };
  for (const kind of SIGNS) window.addEventListener(kind, sign, { passive: true, capture: true });
  document.addEventListener('visibilitychange', () => {
    lastSign = performance.now();
    look();
  });
  look();
}
