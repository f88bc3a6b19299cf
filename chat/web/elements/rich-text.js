/** The text of a message with its Markdown, made element by element. */

import { t } from '../i18n/index.js';
import { splitMentions } from '../state/mentions.js';
import { languageOf } from '../text/language.js';
import { parseMarkup } from '../text/markup.js';
import { h, setText } from './dom.js';

/** @import { Markup } from '../text/markup.js' */

/** For so long a button says that something was copied, in milliseconds. */
const COPIED_MS = 2_000;

/**
 * @param {string} text as it was typed
 * @param {string | null} html the server's
 * @param {readonly string[]} names that are marked where somebody is meant by them
 * @returns {HTMLElement}
 */
export function richText(text, html, names) {
  const markup = html === null ? null : parseMarkup(html);
  const attributes = { dir: 'auto', lang: languageOf(text) };
  if (markup === null) return h('p', { class: 'text', ...attributes }, ...marked(text, names));
  return h('div', { class: 'text rich', ...attributes }, ...markup.flatMap((each) => make(each, names)));
}

/** @param {string} text @param {readonly string[]} names @returns {(Node | string)[]} */
function marked(text, names) {
  return splitMentions(text, names).map((piece, i) => (i % 2 === 1 ? h('mark', { class: 'mention' }, piece) : piece));
}

/** @param {Markup} markup @param {readonly string[]} names @returns {(Node | string)[]} */
function make(markup, names) {
  if (typeof markup === 'string') return marked(markup, names);
  const { tag, attributes, children } = markup;
  const element = h(/** @type {keyof HTMLElementTagNameMap} */ (tag), attributes, ...children.flatMap((each) => make(each, tag === 'code' ? [] : names)));
  if (tag === 'a' && element.textContent !== attributes.href) element.title = attributes.href ?? '';
  if (tag === 'p' || tag === 'li') element.dir = 'auto';
  return [tag === 'pre' ? withCopy(element) : element];
}

/** @param {HTMLElement} block */
function withCopy(block) {
  const label = h('span', {}, t.copyCode);
  const copy = async () => {
    const done = await copyText(block.textContent ?? '');
    setText(label, done ? t.copied : t.notCopied);
    setTimeout(() => setText(label, t.copyCode), COPIED_MS);
  };
  block.dir = 'ltr';
  block.tabIndex = 0;
  return h('div', { class: 'code-block' }, block, h('button', { type: 'button', class: 'code-copy', 'aria-live': 'polite', click: copy }, label));
}

/**
 * @param {string} text
 * @returns {Promise<boolean>} false where the browser does not let the page do that
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

/** On a page that came by plain http from another machine there is no clipboard. @param {string} text */
function copyBySelection(text) {
  const focused = document.activeElement;
  const area = h('textarea', { class: 'visually-hidden', readonly: true, 'aria-hidden': 'true' });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}
