/** One line of a conversation: a day, a notice, a message. */

import { explain, isolated, t } from '../i18n/index.js';
import { formatDay, formatList, formatMoment, formatNumber, formatTime } from '../i18n/dates.js';
import { languageOf } from '../text/language.js';
import { EVERYBODY } from '../state/mentions.js';
import { nameOf } from '../text/emoji.js';
import { avatar } from './avatar.js';
import { bdi, h } from './dom.js';
import { icon } from './icons.js';
import { richText } from './rich-text.js';

/** @import { Message, Reaction } from '../net/frames.js' */
/** @import { Item, MessageItem, NoticeItem } from '../state/timeline.js' */

/** A notice names this many people at most. */
const NAMES_SHOWN = 3;

/**
 * @typedef {object} Actions
 * @property {(item: MessageItem) => void} retry
 * @property {(item: MessageItem) => void} discard
 * @property {(message: Message, emoji: string, on: boolean) => void} react
 * @property {(seq: number) => void} goTo
 * @property {(li: HTMLElement, item: MessageItem, opener: HTMLElement) => void} openMenu
 * @property {() => string} self this person's name
 */

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
    case 'message': {
      const { first, last, own, state, code, ts, from, slot, text, html, edited, deleted, reply, reactions, forMe, seenBy } = item;
      return JSON.stringify([first, last, own, state, code, ts, from, slot, text, html, edited, deleted, reply, reactions, forMe, seenBy, item.seq === null, state === 'waiting' && connected]);
    }
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
  const classes = ['message', item.own ? 'own' : 'other', item.first && 'first', item.last && 'last', item.state !== 'stored' && item.state, item.deleted && 'deleted', item.forMe && 'for-me'];
  li.className = classes.filter(Boolean).join(' ');
  if (item.seq === null) delete li.dataset.seq;
  else li.dataset.seq = String(item.seq);
  const author = bdi(item.from, 'author');
  author.dataset.hue = avatar(item.from).dataset.hue;
  const time = h('time', { class: 'time', datetime: new Date(item.ts).toISOString(), title: formatMoment(item.ts) }, formatTime(item.ts));
  // What is open on the message stays open, and the focus where it is.
  const menu = li.querySelector(':scope > .message-menu');
  const focused = li.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement) : null;
  li.replaceChildren(
    ...(item.first && !item.own ? [avatar(item.from)] : []),
    h('div', { class: item.first ? 'byline' : 'byline continued' }, author, time),
    bubble(li, item, connected, actions),
    ...(item.reactions.length > 0 ? [chips(item, actions)] : []),
    ...(item.state === 'failed' ? [failure(item, actions)] : []),
    ...(item.seenBy.length > 0 ? [h('p', { class: 'seen' }, item.among > 1 ? t.seenBy(names(item.seenBy)) : t.seen)] : []),
    ...(menu === null ? [] : [menu]),
  );
  if (focused === null) return;
  const { part } = focused.dataset;
  const again = focused.isConnected || part === undefined ? focused : [...li.querySelectorAll('button')].find(({ dataset }) => dataset.part === part);
  again?.focus({ preventScroll: true });
}

/**
 * @param {HTMLLIElement} li
 * @param {MessageItem} item
 * @param {boolean} connected
 * @param {Actions} actions
 */
function bubble(li, item, connected, actions) {
  if (item.deleted) return h('div', { class: 'bubble' }, h('p', { class: 'gone' }, t.deleted));
  return h(
    'div',
    { class: 'bubble' },
    item.reply !== null && quote(item.reply, actions),
    richText(item.text, item.html, item.forMe ? [actions.self(), ...EVERYBODY] : []),
    item.edited !== null && h('span', { class: 'edited', title: formatMoment(item.edited) }, t.edited),
    ...progress(item, connected),
    item.message !== null && moreButton(li, item, actions),
  );
}

/**
 * What a message answers.
 * @param {NonNullable<MessageItem['reply']>} reply
 * @param {Actions} actions
 */
function quote({ seq, from, data, deleted }, { goTo }) {
  const text = h('span', { class: 'quote-text', lang: deleted ? null : languageOf(data), dir: 'auto' }, deleted ? t.deleted : data);
  return h('button', { type: 'button', class: 'quote', 'data-part': 'quote', click: () => goTo(seq) }, h('span', { class: 'visually-hidden' }, t.inReplyTo), bdi(from, 'quote-author'), text);
}

/**
 * @param {HTMLLIElement} li
 * @param {MessageItem} item
 * @param {Actions} actions
 */
function moreButton(li, item, { openMenu }) {
  /** @type {HTMLButtonElement} */
  const button = h(
    'button',
    { type: 'button', class: 'message-more', 'data-part': 'more', tabindex: -1, 'aria-haspopup': 'menu', 'aria-label': t.messageActions(item.from), title: t.actions, click: () => openMenu(li, item, button) },
    icon('more'),
  );
  return button;
}

/**
 * @param {MessageItem} item
 * @param {Actions} actions
 */
function chips({ reactions, message }, { react }) {
  const chip = (/** @type {Reaction} */ { emoji, count, from, mine }) => {
    const people = t.reactedWith(names(from, count), nameOf(emoji));
    // Whoever speaks to the page says what stands there.
    const label = `${emoji} ${formatNumber(count)} ${people}`;
    return h(
      'button',
      { type: 'button', class: 'chip', 'data-part': `chip ${emoji}`, 'aria-pressed': String(mine), 'aria-label': label, title: people, click: () => { if (message !== null) react(message, emoji, !mine); } },
      h('span', { class: 'chip-emoji' }, emoji),
      h('span', { class: 'chip-count' }, formatNumber(count)),
    );
  };
  return h('div', { class: 'chips', role: 'group', 'aria-label': t.reactions }, ...reactions.map(chip));
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
  return h(
    'div',
    { class: 'failure', role: 'alert' },
    h('span', { class: 'failure-text' }, icon('alert'), `${item.slot === null ? t.notSent : t.notChanged} ${explain(item)}`),
    h('button', { type: 'button', class: 'link', click: () => retry(item) }, t.retry),
    h('button', { type: 'button', class: 'link', click: () => discard(item) }, t.discard),
  );
}

/** @param {NoticeItem} item */
function noticeText(item) {
  const said = /** @type {const} */ (['online', 'added', 'joined', 'left', 'resigned'])
    .filter((kind) => item[kind].length > 0)
    .map((kind) => t[kind](names(item[kind]), item[kind].length));
  const by = (/** @type {string} */ name) => item.by.get(name) ?? '';
  const removals = [...new Set(item.removed.map(by))].map((who) => t.removed(isolated(who), names(item.removed.filter((name) => by(name) === who))));
  return [...said, ...removals].join(t.noticeSeparator);
}

/** @param {string[]} all @param {number} [count] with those that are not named */
function names(all, count = all.length) {
  const excess = count - NAMES_SHOWN;
  return formatList(excess <= 0 ? all : [...all.slice(0, NAMES_SHOWN), t.andOthers(excess)]);
}
