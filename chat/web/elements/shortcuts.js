/** The keys that work everywhere on the page. Whoever has a use of their own for a key prevents its default. */

import { IS_APPLE } from './keys-dialog.js';

/**
 * @typedef {object} Actions
 * @property {() => void} switcher
 * @property {() => void} search
 * @property {() => void} keys
 * @property {(step: 1 | -1, unread: boolean) => void} room to the next or previous one
 * @property {() => void} escape
 */

/**
 * @param {KeyboardEvent} event
 * @param {Actions} actions
 */
export function shortcut(event, actions) {
  if (event.defaultPrevented || event.isComposing) return;
  const command = IS_APPLE ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
  const inDialog = document.querySelector('dialog[open]') !== null;
  if (command && !event.shiftKey && !event.altKey && event.key.toLowerCase() === 'k') actions.switcher();
  else if (command && event.shiftKey && !event.altKey && event.key.toLowerCase() === 'f') actions.search();
  else if (inDialog || event.ctrlKey || event.metaKey) return;
  else if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) actions.room(event.key === 'ArrowDown' ? 1 : -1, event.shiftKey);
  else if (event.altKey) return;
  else if (event.key === '?' && !isEditable(event.target)) actions.keys();
  else if (event.key === '/' && !isEditable(event.target)) actions.search();
  else if (event.key === 'Escape') actions.escape();
  else return;
  event.preventDefault();
}

/** @param {EventTarget | null} target */
function isEditable(target) {
  return target instanceof Element && target.closest('input, textarea, [contenteditable]') !== null;
}
