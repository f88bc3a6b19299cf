/**
 * Whose Enter is it? With an input method for Chinese, Japanese or Korean, Enter takes what was composed; it must not send.
 *
 * Most browsers mark such a key (`isComposing`, or the old keyCode 229). Safari ends the composition first and tells of the
 * key afterwards, as if it were an ordinary one; so the first Enter right behind the end of a composition, before any key
 * was released, belongs to the composition too. Not on Android: there every word is a composition, which the keyboard ends
 * by itself just before it sends the Enter that was meant.
 */

/** Within this many milliseconds of the end of a composition. */
const RIGHT_BEHIND_MS = 100;

/** The keyCode of every key that an input method has taken. */
const KEY_CODE_PROCESSED = 229;

export class CompositionWatch {
  /** Whether what is in the field is half of a syllable, and nothing to look for yet. On Android it is half of a word, like any other typing. */
  composing = false;
  #endedAt = -Infinity;

  /**
   * @param {HTMLElement} input
   * @param {string} userAgent the browser's description of itself
   */
  constructor(input, userAgent) {
    if (/Android/.test(userAgent)) return;
    input.addEventListener('compositionend', (event) => {
      this.composing = false;
      this.#endedAt = event.timeStamp;
    });
    input.addEventListener('compositionstart', () => {
      this.composing = true;
      this.#endedAt = -Infinity;
    });
    input.addEventListener('keyup', () => { this.#endedAt = -Infinity; });
  }

  /** Escape ends what is being composed, and not the dialog in which that is. @param {HTMLDialogElement} dialog */
  guard(dialog) {
    dialog.addEventListener('cancel', (event) => { if (this.composing) event.preventDefault(); });
  }

  /**
   * @param {KeyboardEvent} event a key that went down
   * @returns {boolean} whether it belongs to the input method
   */
  owns(event) {
    return event.isComposing || event.keyCode === KEY_CODE_PROCESSED || event.timeStamp - this.#endedAt < RIGHT_BEHIND_MS;
  }
}
