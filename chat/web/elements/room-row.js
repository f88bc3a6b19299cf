/** A conversation in the list: what kind it is, what it is called, what is unread in it. */

import { t } from '../i18n/index.js';
import { formatAgo, formatNumber } from '../i18n/dates.js';
import { avatar } from './avatar.js';
import { bdi, h } from './dom.js';
import { icon, jack } from './icons.js';

/** @import { Chat } from '../chat.js' */
/** @import { Addressee, Presence } from '../net/frames.js' */
/** @import { Room } from '../state/room.js' */

/** Whether somebody is there, as far as it is known: the server tells it of those with whom one has something to do. @typedef {Presence | 'unknown'} Shown */

/**
 * A person's picture, with a dot that says whether they are there.
 * @param {string} name
 * @param {Shown} presence
 */
export function face(name, presence) {
  return h('span', { class: 'face', 'data-presence': presence }, avatar(name));
}

/** What stands for a conversation. @param {Chat} chat @param {Room} room @param {ReadonlyMap<string, Presence>} present */
export function sign(chat, room, present) {
  if (room.kind === 'private') return icon('lock');
  if (room.kind === 'public') return jack(room.wanted);
  const others = chat.others(room);
  const [first] = others;
  if (first === undefined || others.length > 1) return h('span', { class: 'avatar', 'data-hue': others.length % 12, 'aria-hidden': 'true' }, formatNumber(others.length));
  return face(first.name, presenceOf(chat, first, present));
}

/**
 * By number, where the server has said it of that; else by name: several may have it.
 * @param {Chat} chat
 * @param {Addressee} person
 * @param {ReadonlyMap<string, Presence>} present
 * @returns {Shown}
 */
export function presenceOf({ store }, { id, name }, present) {
  const known = id === undefined ? undefined : store.whereabouts.get(id);
  return known?.presence ?? present.get(name) ?? 'unknown';
}

/** Nothing for what is not known. @param {Shown} presence */
export function presenceWord(presence) {
  return presence === 'unknown' ? '' : t.presence[presence];
}

/**
 * When somebody was there last; null where nobody knows, or they are there.
 * @param {Chat} chat
 * @param {Addressee} person
 */
export function lastSeen({ store }, { id }) {
  const { seenMs } = (id === undefined ? undefined : store.whereabouts.get(id)) ?? {};
  return seenMs === undefined ? null : t.lastSeen(formatAgo(seenMs, Date.now()));
}

/**
 * The number of what is unread: differently where somebody means this person, and quietly where nothing is to be told.
 * @param {Room} room
 * @param {number} unread
 * @returns {Node[]}
 */
export function badge(room, unread) {
  if (unread === 0) return room.invitedBy === null ? [] : [h('span', { class: 'badge for-me' }, t.newRoomBadge)];
  const { mentions, kind, muted } = room;
  const count = mentions > 0 && kind !== 'direct' ? mentions : unread;
  const shown = `${mentions > 0 && kind !== 'direct' ? '@' : ''}${count > 99 ? '99+' : formatNumber(count)}`;
  const said = mentions > 0 ? `${t.unread(unread)}, ${t.mentionsOfMe(mentions)}` : t.unread(unread);
  return [h('span', { class: `badge${mentions > 0 || (kind === 'direct' && !muted) ? ' for-me' : muted ? ' quiet' : ''}` }, ...spoken(shown, said))];
}

/**
 * A number for the eye, and what it counts for the ear.
 * @param {string} shown
 * @param {string} said
 */
function spoken(shown, said) {
  return [h('span', { 'aria-hidden': 'true' }, shown), h('span', { class: 'visually-hidden' }, said)];
}

/**
 * Into the link of a conversation.
 * @param {HTMLElement} link
 * @param {Chat} chat
 * @param {Room} room
 * @param {number} unread as it is to be shown
 * @param {ReadonlyMap<string, Presence>} present
 */
export function fillRow(link, chat, room, unread, present) {
  link.className = ['room', unread > 0 && !room.muted && 'unread', room.muted && 'muted', !room.wanted && 'other'].filter(Boolean).join(' ');
  link.replaceChildren(sign(chat, room, present), bdi(chat.titleOf(room), 'room-name'));
  const [person, more] = chat.others(room);
  if (room.kind === 'direct' && person !== undefined && more === undefined) {
    link.append(h('span', { class: 'visually-hidden' }, presenceWord(presenceOf(chat, person, present))));
  }
  if (room.kind === 'private') link.append(h('span', { class: 'visually-hidden' }, t.privateRoom));
  if (room.muted) link.append(h('span', { class: 'room-mark' }, icon('bellOff'), h('span', { class: 'visually-hidden' }, t.muted)));
  link.append(...badge(room, unread));
  if (!room.wanted && room.members > 0) {
    const count = formatNumber(room.members);
    link.append(h('span', { class: 'room-mark' }, icon('person'), ...spoken(count, t.peopleCount(room.members, count))));
  }
}
