/** How a page may look: phone and desktop, light and dark, English and Chinese. */

/**
 * @typedef {{ phone: boolean, dark: boolean, language: 'en' | 'zh-CN', look: string }} Look
 * `look` is what pictures and tests are called by.
 */

const EITHER = [false, true];

/** All of them. @type {Look[]} */
export const LOOKS = EITHER.flatMap((phone) => EITHER.flatMap((dark) => /** @type {const} */ (['en', 'zh-CN']).map((language) => (
  { phone, dark, language, look: `${phone ? 'phone' : 'desktop'}-${dark ? 'dark' : 'light'}-${language}` }
))));

/** Four of them, in which each two of light, size and language meet: what depends on all three at once is a picture's business. */
export const FOUR_LOOKS = LOOKS.filter(({ phone, dark, language }) => (phone === dark) === (language === 'en'));
