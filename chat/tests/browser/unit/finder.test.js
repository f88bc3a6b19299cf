import assert from 'node:assert/strict';
import { test } from 'node:test';

import { find, FOUND_MAX } from '../../../web/state/finder.js';
import { Room } from '../../../web/state/room.js';

const room = (title, extra = {}) => Object.assign(new Room(title.toLowerCase().replaceAll(' ', '-'), title), extra);
const ROOMS = [room('Lobby', { wanted: true, people: ['Ann', 'José', '李雷'] }), room('Tea time 茶', { wanted: true, read: 0, seq: 3 }), room('周末徒步'), room('Theatre')];
const titles = (query, extra = {}) => find(query, { rooms: ROOMS, titleOf: ({ title }) => title, recent: [], current: null, self: 'Ann', ...extra }).map(({ title }) => title);

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
  assert.equal(find('room', { rooms: many, titleOf: ({ title }) => title, recent: [], current: null, self: '' }).length, FOUND_MAX);
});
