import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Room } from '../../../web/state/room.js';
import { message, messages } from './fakes.js';

let room;
beforeEach(() => {
  room = new Room('lobby', 'Lobby');
  room.wanted = true;
  room.open(messages(1, 3), false, 3, 0);
  room.joined = true;
});

const changed = (change, seq, data, more = {}) => ({ type: 'changed', room: 'lobby', seq, change, message: { ...message(seq, data), change, quote: data, ...more } });
const reaction = (change, seq, from, on, count, more = {}) => ({ type: 'reaction', room: 'lobby', seq, change, emoji: '👍', from, on, count, ...more });
const tell = (frame) => room.happened(frame, 'Ann');

test('an edit takes the place of what was there, and is what replies show', () => {
  room.receive({ ...message(4, 'yes'), reply: { seq: 2, from: 'Bob', data: 'old', deleted: false } });
  room.messages[1].id = 'mine';
  assert.equal(tell(changed(1, 2, 'new')), true);
  assert.deepEqual([room.messages[1].data, room.messages[1].id, room.messages[1].change], ['new', 'mine', 1]);
  assert.equal(room.messages[3].reply.data, 'new');
  tell(changed(2, 2, '', { deleted: true }));
  assert.deepEqual(room.messages[3].reply, { seq: 2, from: 'Bob', data: '', deleted: true });
});

test('what has happened already happens once, and a hole is noticed', () => {
  tell(reaction(1, 1, 'Bob', true, 1));
  tell(reaction(1, 1, 'Bob', true, 1));
  assert.deepEqual(room.messages[0].reactions, [{ emoji: '👍', count: 1, from: ['Bob'], mine: false }]);
  assert.equal(tell(reaction(3, 1, 'Cy', true, 2)), false, '2 is missing');
  assert.equal(room.change, 1);
});

test('reactions are counted, one\'s own are marked, and an edit keeps the mark', () => {
  tell(reaction(1, 1, 'Bob', true, 1));
  tell(reaction(2, 1, 'Ann', true, 2));
  assert.deepEqual(room.messages[0].reactions, [{ emoji: '👍', count: 2, from: ['Bob', 'Ann'], mine: true }]);
  tell(changed(3, 1, 'new', { reactions: [{ emoji: '👍', count: 2, from: ['Bob', 'Ann'], mine: false }] }));
  assert.equal(room.messages[0].reactions[0].mine, true);
  tell(reaction(4, 1, 'Bob', false, 1));
  tell(reaction(5, 1, 'Ann', false, 0));
  assert.deepEqual(room.messages[0].reactions, []);
});

test('a list of names takes the place of the one before', () => {
  tell(reaction(1, 1, 'Bob', true, 1));
  tell(reaction(2, 1, 'Bob', false, 25, { names: ['Cy', 'Di'] }));
  assert.deepEqual(room.messages[0].reactions[0].from, ['Cy', 'Di']);
});

test('what happens while a page is on its way is put into the page', () => {
  room.open(messages(10, 12), true, 12, 0);
  room.expect('older');
  tell(changed(1, 8, 'new'));
  tell(reaction(2, 9, 'Bob', true, 1));
  room.prepend([message(7), message(8), { ...message(9), change: 2, reactions: [{ emoji: '👍', count: 1, from: ['Bob'], mine: false }] }], false);
  assert.deepEqual(room.messages.slice(0, 3).map(({ data }) => data), ['message 7', 'new', 'message 9']);
  assert.equal(room.messages[2].reactions[0].count, 1, 'it was in the page already');
});

test('a resume brings what has changed', () => {
  room.resume([message(4)], 4, [{ ...message(2, 'new'), change: 5, quote: 'new' }], 6);
  assert.deepEqual(room.messages.map(({ data }) => data), ['message 1', 'new', 'message 3', 'message 4']);
  assert.equal(room.change, 6);
});
