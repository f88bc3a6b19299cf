import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as dates from '../../../web/i18n/dates.js';
import en from '../../../web/i18n/en.js';
import * as i18n from '../../../web/i18n/index.js';
import zhCN from '../../../web/i18n/zh-CN.js';

/** Every error code of the protocol, and the page's own. */
const CODES = [
  'bad_name', 'name_too_long', 'name_taken', 'bad_room', 'room_exists', 'no_such_room', 'no_such_message', 'too_slow', 'not_yours', 'too_many_reactions', 'not_joined', 'not_connected', 'too_many_rooms',
  'empty_text', 'text_too_long', 'rate_limited', 'busy', 'internal',
];

test('every sentence is in both languages, and takes the same arguments', () => {
  const shape = (value) => (typeof value === 'object' ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shape(inner)])) : typeof value);
  assert.deepEqual(shape(zhCN), shape(en));
});

test('the Chinese sentences are Chinese', () => {
  const say = (value) => (typeof value === 'function' ? value(2, '2') : value);
  const untranslated = Object.entries({ ...zhCN, ...zhCN.errors, ...zhCN.emojiGroups, ...zhCN.presence, errors: '中', emojiGroups: '中', presence: '中' })
    .filter(([key, value]) => !['appName', 'noticeSeparator', 'nameSeparator', 'says', 'reactedWith'].includes(key) && !/\p{Script=Han}/u.test(say(value)));
  assert.deepEqual(untranslated, []);
});

test('every error of the protocol that a person can cause has a sentence', () => {
  for (const code of CODES) assert.ok(en.errors[code], code);
});

test('an error without a sentence of ours is said in the server\'s words', () => {
  i18n.speak('zh-CN', []);
  assert.equal(i18n.explain({ code: 'busy', sentence: 'Try again.' }), zhCN.errors.busy);
  assert.equal(i18n.explain({ code: 'from_the_future', sentence: 'Do this.' }), 'Do this.');
  assert.equal(i18n.explain({ code: 'constructor', sentence: '' }), zhCN.errors.internal);
});

test('an error says when to try again, and whose name it is', () => {
  i18n.speak('en', []);
  assert.match(i18n.explain({ code: 'rate_limited', sentence: '', retryAfterMs: 1_200 }), /in 2 seconds/);
  assert.match(i18n.explain({ code: 'rate_limited', sentence: '', retryAfterMs: 1 }), /in 1 second\b/);
  assert.match(i18n.explain({ code: 'name_taken', sentence: '', name: 'Ann' }), /\u2068Ann\u2069/);
  i18n.speak('zh-CN', []);
  assert.match(i18n.explain({ code: 'rate_limited', sentence: '', retryAfterMs: 2_000 }), / 2 秒/);
  assert.equal(i18n.explain({ code: 'rate_limited', sentence: '' }), zhCN.errors.rate_limited);
  assert.equal(i18n.explain({ code: 'name_taken', sentence: '' }), zhCN.errors.name_taken);
});

test('the page speaks what was chosen, or else the first of the browser\'s languages that it knows', () => {
  for (const [stored, preferred, expected] of [
    [null, ['zh-CN', 'en'], 'zh-CN'], [null, ['zh-Hant-TW'], 'zh-CN'], [null, ['fr', 'en-GB', 'zh'], 'en'], [null, ['fr'], 'en'],
    ['en', ['zh-CN'], 'en'], ['zh-CN', ['en'], 'zh-CN'], ['nonsense', ['zh'], 'zh-CN'], [null, [], 'en'],
  ]) assert.equal(i18n.pickLanguage(stored, preferred), expected);
});

test('a day of a date field begins at midnight, here', () => {
  assert.equal(dates.dayStart('2026-11-22'), new Date(2026, 10, 22).getTime());
  assert.equal(dates.dayStart('2026-11-30', 1), new Date(2026, 11, 1).getTime());
  for (const none of ['', 'yesterday', '2026-11', '1850-01-01']) assert.equal(dates.dayStart(none), null, none);
});

test('days and lists are said as people say them', () => {
  const now = new Date(2026, 10, 22, 9).getTime();
  const day = (date) => dates.formatDay(date.getTime(), now);
  i18n.speak('en', ['en-GB']);
  assert.equal(day(new Date(2026, 10, 22, 23, 59)), 'Today');
  assert.equal(day(new Date(2026, 10, 21, 0, 1)), 'Yesterday');
  assert.match(day(new Date(2026, 10, 16)), /Monday,? 16 November/);
  assert.match(day(new Date(2025, 10, 16)), /2025/);
  i18n.speak('zh-CN', ['zh-CN']);
  assert.equal(day(new Date(2026, 10, 22)), '今天');
  assert.equal(day(new Date(2026, 10, 21)), '昨天');
  assert.equal(day(new Date(2026, 10, 16)), '11月16日星期一');
  assert.equal(dates.formatList(['甲', '乙', '丙']).replace(/[\u2068\u2069]/g, ''), '甲、乙和丙');
});

test('how long ago something was is said in the greatest unit that fits', () => {
  const now = new Date(2026, 10, 22, 9).getTime();
  const ago = (minutes) => dates.formatAgo(now - minutes * 60_000, now);
  i18n.speak('en', ['en-GB']);
  assert.deepEqual([0, 1, 59, 60, 32 * 60, 50 * 60, 62 * 24 * 60, 800 * 24 * 60].map(ago), ['just now', '1 minute ago', '59 minutes ago', '1 hour ago', 'yesterday', '2 days ago', '2 months ago', '2 years ago']);
  assert.equal(dates.formatAgo(now + 5_000, now), 'just now', 'another clock');
  assert.equal(en.lastSeen(ago(5)), 'last seen 5 minutes ago');
  i18n.speak('zh-CN', ['zh-CN']);
  assert.deepEqual([0, 5, 120, 24 * 60].map((minutes) => zhCN.lastSeen(ago(minutes)).replaceAll(' ', '')), ['刚刚在线', '5分钟前在线', '2小时前在线', '昨天在线']);
});

test('yesterday is a day of the calendar, not the 24 hours before the last', () => {
  const now = new Date(2026, 10, 22, 9).getTime();
  const days = () => [new Date(2026, 10, 21, 0, 1), new Date(2026, 10, 20, 23, 59), new Date(2026, 10, 20, 9, 1)].map((then) => dates.formatAgo(then.getTime(), now).replaceAll(' ', ''));
  i18n.speak('en', ['en-GB']);
  assert.deepEqual(days(), ['yesterday', '2daysago', '2daysago']);
  i18n.speak('zh-CN', ['zh-CN']);
  assert.deepEqual(days(), ['昨天', '前天', '前天']);
});
