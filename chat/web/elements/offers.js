/** What the box in which one writes offers: emoji by their names after a colon, people by any part of their names after an `@`. */

import { language, t } from '../i18n/index.js';
import { EVERYBODY } from '../state/mentions.js';
import { matchNames } from '../state/finder.js';
import { emojiNamed, findEmoji } from '../text/emoji.js';
import { bdi, h } from './dom.js';
import { icon } from './icons.js';
import { face, presenceOf } from './room-row.js';

/** @import { Chat } from '../chat.js' */
/** @import { Offer, Option } from './completion.js' */

/** So many are offered. */
const OFFERED_MAX = 6;

/** Where a word begins. */
const EDGE = '(?:^|[\\s\\p{P}\\p{Script=Han}])';

/** A colon, in either width, and the beginning of a name; and a whole name. */
const EMOJI = new RegExp(`${EDGE}[:：]([\\p{L}\\p{N}_+-]{1,24})$`, 'u');
const WHOLE_EMOJI = new RegExp(`${EDGE}([:：]([\\p{L}\\p{N}_+-]{1,24})[:：])$`, 'u');

/** An `@`, in either width, and a part of a name, which may have spaces. */
const MENTION = new RegExp(`${EDGE}([@＠]((?:[^\\s@＠][^\\n@＠]{0,31})?))$`, 'u');

/** @param {string} before @returns {Offer | null} */
export function offerEmoji(before) {
  const whole = WHOLE_EMOJI.exec(before);
  const emoji = whole === null ? null : emojiNamed(whole[2] ?? '');
  if (whole !== null && emoji !== null) return { label: t.emoji, from: before.length - (whole[1] ?? '').length, options: [{ text: emoji, show: () => [] }], isWhole: true };
  const name = EMOJI.exec(before)?.[1] ?? '';
  // One letter of an alphabet says nothing; one of Chinese does.
  const found = name.length > 1 || /\p{Script=Han}/u.test(name) ? findEmoji(name, OFFERED_MAX) : [];
  if (found.length === 0) return null;
  return { label: t.emoji, from: before.length - name.length - 1, options: found.map((each) => ({ text: each.emoji, show: () => [h('span', { class: 'completion-emoji' }, each.emoji), `:${each.name}:`] })) };
}

/**
 * People of the room that is shown, and everybody of it.
 * @param {Chat} chat
 * @returns {(before: string) => Offer | null}
 */
export function offerPeople(chat) {
  return (before) => {
    const [, typed, query = ''] = MENTION.exec(before) ?? [];
    const { currentRoom: room, name: own } = chat.store;
    if (typed === undefined || room === null || /\s$/.test(query)) return null;
    const names = new Set([...room.persons.map(({ name }) => name), ...room.people, ...room.messages.map(({ from }) => from)]);
    names.delete(own);
    const present = chat.store.present();
    const found = matchNames(query, [...names], OFFERED_MAX);
    /** @type {Option[]} */
    const options = found.map((name) => ({ text: `@${name} `, show: () => [face(name, presenceOf(chat, { name }, present)), bdi(name)] }));
    const everybody = language === 'zh-CN' ? EVERYBODY[1] : EVERYBODY[0];
    const isEverybody = room.kind !== 'direct' && matchNames(query, [...EVERYBODY, t.everybody], 1).length > 0;
    if (isEverybody) options.push({ text: `@${everybody} `, show: () => [h('span', { class: 'face everybody' }, icon('people')), `@${everybody}`, h('span', { class: 'tag' }, t.everybody)] });
    return options.length === 0 ? null : { label: t.mention, from: before.length - typed.length, options };
  };
}
