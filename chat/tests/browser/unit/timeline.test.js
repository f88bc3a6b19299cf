import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Room } from '../../../web/state/room.js';
import { timeline } from '../../../web/state/timeline.js';

const NOON = new Date(2026, 10, 20, 12).getTime();
const MINUTE = 60_000;

let room;
beforeEach(() => {
  room = new Room('lobby', 'Lobby');
});

const at = (seq, from, minutes, extra = {}) => ({ room: 'lobby', seq, from, data: `m${seq}`, ts: NOON + minutes * MINUTE, ...extra });
const outgoing = (id, extra = {}) => ({ id, room: 'lobby', text: id, ts: NOON + 10 * MINUTE, state: 'sent', attempts: 1, code: '', sentence: '', echo: null, ...extra });
const sketch = (items) => items.map((item) => {
  if (item.kind === 'day') return 'day';
  if (item.kind === 'notice') return `+${item.joined} -${item.left} *${item.online}`;
  return `${item.own ? 'own ' : ''}${item.from} ${item.text}${item.first ? ' first' : ''}${item.last ? ' last' : ''}`;
});

test('messages are grouped by author, and by day', () => {
  room.open([at(1, 'Bob', 0), at(2, 'Bob', 1), at(3, 'Ann', 2), at(4, 'Bob', 3), at(5, 'Bob', 24 * 60)], false, 5);
  assert.deepEqual(sketch(timeline(room, [], 'Ann')), [
    'day', 'Bob m1 first', 'Bob m2 last', 'own Ann m3 first last', 'Bob m4 first last', 'day', 'Bob m5 first last',
  ]);
});

test('a pause makes a new group', () => {
  room.open([at(1, 'Bob', 0), at(2, 'Bob', 6)], false, 2);
  assert.deepEqual(sketch(timeline(room, [], 'Ann')), ['day', 'Bob m1 first last', 'Bob m2 first last']);
});

test('unconfirmed messages stand at the end, and keep their key when they are stored', () => {
  room.open([at(1, 'Bob', 0)], false, 1);
  const before = timeline(room, [outgoing('a')], 'Ann').at(-1);
  room.receive(at(2, 'Ann', 10, { id: 'a' }));
  const after = timeline(room, [], 'Ann').at(-1);
  assert.equal(before.key, after.key);
  assert.deepEqual([before.state, after.state], ['sent', 'stored']);
});

test('a message that is here already is not shown a second time as unconfirmed', () => {
  room.open([at(1, 'Ann', 0)], false, 1);
  assert.equal(timeline(room, [outgoing('m1', { echo: 1 })], 'Ann').length, 2);
});

test('notices stand where they happened, and part groups', () => {
  room.open([at(1, 'Bob', 0), at(2, 'Bob', 1)], false, 2);
  room.notices.add('joined', 'Eve', 1, NOON);
  room.notices.add('left', 'Eve', 2, NOON);
  room.notices.add('joined', '李雷', 2, NOON);
  assert.deepEqual(sketch(timeline(room, [], 'Ann')), ['day', 'Bob m1 first last', '+Eve - *', 'Bob m2 first last', '+李雷 -Eve *']);
});

test('notices from behind the window are not shown', () => {
  room.open(Array.from({ length: 500 }, (_, i) => at(i + 1, 'Bob', 0)), false, 500);
  room.anchor = 1;
  room.receive(at(501, 'Bob', 0));
  room.notices.add('joined', 'Eve', 501, NOON);
  assert.equal(timeline(room, [], 'Ann').some(({ kind }) => kind === 'notice'), false);
});

test('no two items have the same key', () => {
  room.open([at(1, 'Bob', 0), at(2, 'Bob', 24 * 60), at(3, 'Bob', 0)], false, 3);
  room.notices.add('joined', 'Eve', 3, NOON);
  const keys = timeline(room, [outgoing('a'), outgoing('b')], 'Ann').map(({ key }) => key);
  assert.equal(new Set(keys).size, keys.length);
});
