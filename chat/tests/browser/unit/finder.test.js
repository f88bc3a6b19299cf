import assert from 'node:assert/strict';
import { test } from 'node:test';

import { speak } from '../../../web/i18n/index.js';
import { find, FOUND_MAX, matchNames } from '../../../web/state/finder.js';
import { Room } from '../../../web/state/room.js';

const room = (title, extra = {}) => Object.assign(new Room(title.toLowerCase().replaceAll(' ', '-'), title), extra);
const ROOMS = [room('Lobby', { wanted: true }), room('Tea time 茶', { wanted: true, read: 0, seq: 3 }), room('周末徒步'), room('Theatre')];
const titles = (query, extra = {}) => find(query, { rooms: ROOMS, titleOf: ({ title }) => title, recent: [], current: null, self: 'Ann', names: ['Ann', 'José', '李雷'], ...extra }).map(({ title }) => title);

test('a part of the name is enough, whatever its case, width and accents', () => {
  assert.deepEqual(titles('TIME'), ['Tea time 茶']);
  assert.deepEqual(titles('ｔｉｍｅ'), ['Tea time 茶']);
  assert.deepEqual(titles('jose'), ['José']);
  assert.deepEqual(titles('徒'), ['周末徒步']);
  assert.deepEqual(titles('雷'), ['李雷']);
  assert.deepEqual(titles('nothing of the kind'), []);
});

test('what begins so comes before what has it somewhere, and rooms before people', () => {
  assert.deepEqual(titles('t'), ['Tea time 茶', 'Theatre'], 'one\'s own room before another one');
  assert.deepEqual(titles('o'), ['Lobby', 'José']);
});

test('without a query the rooms are there, the last ones first, the present one last; and no people', () => {
  assert.deepEqual(titles('', { recent: ['theatre', 'lobby'], current: 'theatre' }), ['Lobby', 'Tea time 茶', '周末徒步', 'Theatre']);
});

test('oneself is not among the people, and the list has an end', () => {
  assert.deepEqual(titles('ann'), []);
  const many = Array.from({ length: 200 }, (_, i) => room(`Room ${i}`));
  assert.equal(find('room', { rooms: many, titleOf: ({ title }) => title, recent: [], current: null, self: '', names: [] }).length, FOUND_MAX);
});

test('private rooms and direct conversations are found where one is in them, and with them not the person besides', () => {
  const hidden = [room('Budget', { kind: 'private' }), room('Budget 2', { kind: 'private', wanted: true }), room('李雷', { kind: 'direct', wanted: true })];
  assert.deepEqual(titles('budget', { rooms: hidden }), ['Budget 2']);
  assert.deepEqual(find('雷', { rooms: hidden, titleOf: ({ title }) => title, recent: [], current: null, self: 'Ann', names: ['李雷'] }).map(({ kind }) => kind), ['room']);
});

test('names are found by any part of them, those first that begin so', () => {
  const names = ['Joann', 'Ann Lee', '李雷', '雷军', 'Bob'];
  assert.deepEqual(matchNames('ann', names, 9), ['Ann Lee', 'Joann']);
  assert.deepEqual(matchNames('雷', names, 9), ['雷军', '李雷']);
  assert.equal(matchNames('', names, 3).length, 3);
});

test('names are sorted as in the language of the page, whatever the browser speaks', () => {
  const names = ['张三', '李雷', '王五', '阿明'];
  speak('zh-CN', ['en-GB']);
  assert.deepEqual(matchNames('', names, 9), ['阿明', '李雷', '王五', '张三']);
  speak('en', ['zh-CN']);
  assert.deepEqual(matchNames('', names, 9), [...names].sort(new Intl.Collator('en').compare));
});
