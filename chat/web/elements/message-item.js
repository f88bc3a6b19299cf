/** One line of a conversation: a day, a notice, a message. */

import { explain, t } from '../i18n/index.js';
import { formatDay, formatList, formatMoment, formatTime } from '../i18n/dates.js';
import { languageOf } from '../text/language.js';
import { avatar } from './avatar.js';
import { bdi, h } from './dom.js';
import { icon } from './icons.js';

/** @import { Item, MessageItem, NoticeItem } from '../state/timeline.js' */

/** A notice names this many people at most. */
const NAMES_SHOWN = 3;

/** @typedef {{ retry: (id: string) => void, discard: (id: string) => void }} Actions */

/**
 * @param {Item} item
 * @param {boolean} connected
 * @returns {string}
 */
export function look(item, connected) {
  switch (item.kind) {
    case 'day': return formatDay(item.ts, Date.now());
    case 'new': return t.newFromHere;
    case 'notice': return noticeText(item);
    case 'message': return [item.first, item.last, item.own, item.state, item.code, item.ts, item.from, item.state === 'waiting' && connected].join('\n');
  }
}

/**
 * @param {HTMLLIElement} li
 * @param {Item} item
 * @param {boolean} connected
 * @param {Actions} actions
 */
export function fill(li, item, connected, actions) {
  switch (item.kind) {
    case 'day':
      li.className = 'day';
      li.replaceChildren(h('span', {}, formatDay(item.ts, Date.now())));
      break;
    case 'new':
      li.className = 'new-line';
      li.replaceChildren(h('span', {}, t.newFromHere));
      break;
    case 'notice':
      li.className = 'notice';
      li.replaceChildren(h('span', {}, noticeText(item)));
      break;
    case 'message':
      fillMessage(li, item, connected, actions);
      break;
  }
}

/**
 * @param {HTMLLIElement} li
 * @param {MessageItem} item
 * @param {boolean} connected
 * @param {Actions} actions
 */
function fillMessage(li, item, connected, actions) {
  const classes = ['message', item.own ? 'own' : 'other', item.first && 'first', item.last && 'last', item.state !== 'stored' && item.state];
  li.className = classes.filter(Boolean).join(' ');
  if (item.seq === null) delete li.dataset.seq;
  else li.dataset.seq = String(item.seq);
  const author = bdi(item.from, 'author');
  author.dataset.hue = avatar(item.from).dataset.hue;
  const time = h('time', { class: 'time', datetime: new Date(item.ts).toISOString(), title: formatMoment(item.ts) }, formatTime(item.ts));
  const text = h('p', { class: 'text', dir: 'auto', lang: languageOf(item.text) }, item.text);
  li.replaceChildren(
    ...(item.first && !item.own ? [avatar(item.from)] : []),
    h('div', { class: item.first ? 'byline' : 'byline continued' }, author, time),
    h('div', { class: 'bubble' }, text, ...progress(item, connected)),
    ...(item.state === 'failed' ? [failure(item, actions)] : []),
  );
}

/**
 * @param {MessageItem} item
 * @param {boolean} connected
 */
function progress({ state }, connected) {
  if (state !== 'waiting' && state !== 'sent') return [];
  const sentence = state === 'waiting' && !connected ? t.waitingToSend : t.sending;
  return [h('span', { class: 'progress', title: sentence }, icon('clock'), h('span', { class: 'visually-hidden' }, sentence))];
}

/**
 * @param {MessageItem} item
 * @param {Actions} actions
 */
function failure(item, { retry, discard }) {
  const id = item.id ?? '';
  return h(
    'div',
    { class: 'failure', role: 'alert' },
    h('span', { class: 'failure-text' }, icon('alert'), `${t.notSent} ${explain(item)}`),
    h('button', { type: 'button', class: 'link', click: () => retry(id) }, t.retry),
    h('button', { type: 'button', class: 'link', click: () => discard(id) }, t.discard),
  );
}

/** @param {NoticeItem} item */
function noticeText(item) {
  return /** @type {const} */ (['online', 'joined', 'left'])
    .filter((kind) => item[kind].length > 0)
    .map((kind) => t[kind](names(item[kind]), item[kind].length))
    .join(t.noticeSeparator);
}

/** @param {string[]} all */
function names(all) {
  const excess = all.length - NAMES_SHOWN;
  return formatList(excess <= 0 ? all : [...all.slice(0, NAMES_SHOWN), t.andOthers(excess)]);
}
