/**
 * Reads the HTML of a message: the small part of HTML that the server writes, and nothing else. The browser's own parser has no
 * part in it. What is not exactly of that part is no markup, and the message is shown as it was typed.
 */

/** @typedef {string | { tag: string, attributes: Record<string, string>, children: Markup[] }} Markup */

/** Elements and their attributes, each with what its value must be. @type {Map<string, Record<string, RegExp>>} */
const ELEMENTS = new Map([
  ...['p', 'strong', 'em', 'del', 'code', 'pre', 'blockquote', 'ul', 'li', 'br'].map((tag) => /** @type {[string, Record<string, RegExp>]} */ ([tag, {}])),
  ['ol', { start: /^\d{1,9}$/ }],
  ['a', { href: /^(?:https?:\/\/|mailto:)[^\s\p{Cc}]+$/iu, rel: /^noopener noreferrer nofollow$/, target: /^_blank$/ }],
]);

/** What a link must have, whatever else it has. */
const LINK = { rel: 'noopener noreferrer nofollow', target: '_blank' };

/** Deeper than the server nests its elements: paragraphs, code and links come to its own bound of eight. */
const DEPTH_MAX = 20;

const CHARACTERS = new Map([['&amp;', '&'], ['&lt;', '<'], ['&gt;', '>'], ['&quot;', '"']]);

/**
 * @param {string} html
 * @returns {Markup[] | null} null for what is not of that part of HTML
 */
export function parseMarkup(html) {
  /** @type {Markup[]} */
  const root = [];
  /** @type {{ tag: string, children: Markup[] }[]} */
  const open = [{ tag: '', children: root }];
  const token = /<(\/?)([a-z]+)((?: [a-z]+="[^"<>]*")*)>|([^<>]+)/gy;
  while (token.lastIndex < html.length) {
    const match = token.exec(html);
    if (match === null) return null;
    const [, slash, tag = '', rest = '', raw] = match;
    const parent = /** @type {{ tag: string, children: Markup[] }} */ (open.at(-1));
    if (raw !== undefined) {
      const text = plain(raw);
      if (text === null) return null;
      parent.children.push(text);
    } else if (slash === '/') {
      if (rest !== '' || parent.tag !== tag || open.length === 1) return null;
      open.pop();
    } else {
      const attributes = read(tag, rest);
      if (attributes === null || open.length > DEPTH_MAX) return null;
      const element = { tag, attributes, children: [] };
      parent.children.push(element);
      if (tag !== 'br') open.push(element);
    }
  }
  return open.length === 1 ? root : null;
}

/**
 * @param {string} tag
 * @param {string} source
 * @returns {Record<string, string> | null}
 */
function read(tag, source) {
  const allowed = ELEMENTS.get(tag);
  if (allowed === undefined) return null;
  /** @type {Record<string, string>} */
  const attributes = {};
  for (const [, name = '', raw = ''] of source.matchAll(/ ([a-z]+)="([^"]*)"/g)) {
    const value = plain(raw);
    if (value === null || !Object.hasOwn(allowed, name) || !allowed[name]?.test(value)) return null;
    attributes[name] = value;
  }
  if (tag !== 'a') return attributes;
  return attributes.href === undefined ? null : { ...attributes, ...LINK };
}

/** @param {string} raw @returns {string | null} */
function plain(raw) {
  let known = true;
  const text = raw.replace(/&[^;&]*;?/g, (reference) => {
    const character = CHARACTERS.get(reference);
    if (character === undefined) known = false;
    return character ?? '';
  });
  return known ? text : null;
}
