/** Emoji to choose from: those used last, and then all, in groups. Arrow keys move among them. */

import { t } from '../i18n/index.js';
import { EMOJI_GROUPS, nameOf } from '../text/emoji.js';
import { h } from './dom.js';

/** In a line; the same number as in styles/actions.css. */
const COLUMNS = 8;

/**
 * @param {string[]} recent
 * @param {(emoji: string) => void} choose
 * @returns {HTMLElement} to be focused by `focusFirst`
 */
export function emojiPicker(recent, choose) {
  const button = (/** @type {string} */ emoji) => h('button', { type: 'button', class: 'emoji', tabindex: -1, 'aria-label': nameOf(emoji), title: nameOf(emoji), click: () => choose(emoji) }, emoji);
  const group = (/** @type {string} */ label, /** @type {string[]} */ list) => [h('h2', { class: 'emoji-label' }, label), h('div', { class: 'emoji-grid', role: 'group', 'aria-label': label }, ...list.map(button))];
  const picker = h(
    'div',
    { class: 'emoji-picker', role: 'group', 'aria-label': t.chooseEmoji },
    ...(recent.length > 0 ? group(t.emojiGroups.recent, recent) : []),
    ...EMOJI_GROUPS.flatMap(([key, list]) => group(t.emojiGroups[key], list.map(({ emoji }) => emoji))),
  );
  picker.addEventListener('keydown', (event) => move(picker, event));
  const first = picker.querySelector('.emoji');
  if (first instanceof HTMLElement) first.tabIndex = 0;
  return picker;
}

/** @param {HTMLElement} picker @param {KeyboardEvent} event */
function move(picker, event) {
  const rows = [...picker.querySelectorAll('.emoji-grid')].flatMap((grid) => {
    const all = /** @type {HTMLElement[]} */ ([...grid.children]);
    return Array.from({ length: Math.ceil(all.length / COLUMNS) }, (_, row) => all.slice(row * COLUMNS, (row + 1) * COLUMNS));
  });
  const all = rows.flat();
  const current = /** @type {HTMLElement} */ (document.activeElement);
  const row = rows.findIndex((line) => line.includes(current));
  const column = rows[row]?.indexOf(current) ?? 0;
  const below = (/** @type {number} */ at) => rows[at]?.[Math.min(column, (rows[at]?.length ?? 1) - 1)];
  const forward = getComputedStyle(picker).direction === 'rtl' ? -1 : 1;
  /** @type {Record<string, () => HTMLElement | undefined>} */
  const moves = {
    ArrowRight: () => all[all.indexOf(current) + forward],
    ArrowLeft: () => all[all.indexOf(current) - forward],
    ArrowDown: () => below(row + 1),
    ArrowUp: () => below(row - 1),
    Home: () => all[0],
    End: () => all.at(-1),
  };
  const next = moves[event.key]?.();
  if (next === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  current.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
