/** What a browser calls itself, in words that people know it by. */

/** Whoever is built on another one comes before it. @type {readonly [name: string, sign: RegExp][]} */
const BROWSERS = [
  ['WeChat', /MicroMessenger\//], ['Edge', /\bEdg(?:e|A|iOS)?\//], ['Opera', /\b(?:OPR|Opera)\//], ['Samsung Internet', /SamsungBrowser\//],
  ['Firefox', /\b(?:Firefox|FxiOS)\//], ['Chrome', /(?:Chrome|Chromium|CriOS)\//], ['Safari', /\b(?:Safari|Version)\//],
];

/** @type {readonly [name: string, sign: RegExp][]} */
const SYSTEMS = [
  ['iPhone', /iPhone/], ['iPad', /iPad/], ['Android', /Android/], ['Windows', /Windows/], ['macOS', /Macintosh|Mac OS X/], ['ChromeOS', /\bCrOS\b/], ['Linux', /Linux/],
];

/**
 * @param {string} agent as `User-Agent` has it, perhaps cut
 * @returns {{ browser: string, system: string }} empty for what is not known
 */
export function readAgent(agent) {
  const first = (/** @type {readonly [string, RegExp][]} */ known) => known.find(([, sign]) => sign.test(agent))?.[0] ?? '';
  return { browser: first(BROWSERS), system: first(SYSTEMS) };
}
