/** Light or dark: as the system has it, or as the person wants it here. */

/** @typedef {'system' | 'light' | 'dark'} Theme */

/** @type {readonly Theme[]} */
export const THEMES = ['system', 'light', 'dark'];

/** @param {string | null} stored @returns {Theme} */
export function themeOf(stored) {
  return THEMES.find((theme) => theme === stored) ?? 'system';
}

/**
 * What belongs to one of the schemes alone says so by `data-scheme`: the style sheet of the dark page, the colour of the
 * browser's frame.
 * @param {Theme} theme
 */
export function applyTheme(theme) {
  for (const element of document.querySelectorAll('link[data-scheme], meta[data-scheme]')) {
    const { scheme } = /** @type {HTMLElement} */ (element).dataset;
    element.setAttribute('media', theme === 'system' ? `(prefers-color-scheme: ${scheme})` : theme === scheme ? 'all' : 'not all');
  }
}
