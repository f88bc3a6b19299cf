import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Room, WINDOW_MAX } from '../../../web/state/room.js';
import { message, messages } from './fakes.js';

let room;
const seqs = () => room.messages.map(({ seq }) => seq);
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

beforeEach(() => {
  room = new Room('lobby', 'Lobby');
  room.wanted = true;
});

test('what is posted is shown once, in the order of the room', () => {
  room.open(messages(1, 3), false, 3);
  for (const seq of [4, 4, 2, 5, 3, 5]) room.receive(message(seq));
  assert.deepEqual(seqs(), [1, 2, 3, 4, 5]);
});

test('a late copy of one\'s own message carries its id to the message that is there', () => {
  room.open(messages(1, 3), false, 3);
  room.receive({ ...message(2), id: 'mine' });
  assert.equal(room.messages[1].id, 'mine');
  assert.deepEqual(seqs(), [1, 2, 3]);
});

test('what was missed is added once, also when some of it is known', () => {
  room.open(messages(1, 3), false, 3);
  room.resume(messages(3, 6), 6);
  assert.deepEqual(seqs(), range(1, 6));
  assert.equal(room.atTail, true);
});

test('a page that is not complete takes the place of everything', () => {
  room.open(messages(1, 3), false, 3);
  room.open(messages(900, 949), true, 949);
  assert.deepEqual(seqs(), range(900, 949));
  assert.equal(room.more, true);
});

test('a server that has forgotten everything begins anew', () => {
  room.open(messages(1, 30), false, 30);
  room.markRead();
  room.open(messages(1, 2), false, 2);
  assert.deepEqual(seqs(), [1, 2]);
  assert.equal(room.seq, 2);
  assert.equal(room.unread, 0);
});

test('older pages go before what is there, without doubles', () => {
  room.open(messages(51, 100), true, 100);
  room.prepend(messages(1, 51), false);
  assert.deepEqual(seqs(), range(1, 100));
  assert.equal(room.more, false);
});

test('who follows the conversation loses the oldest messages, and can have them again', () => {
  room.open(messages(1, 50), false, 50);
  for (const next of messages(51, WINDOW_MAX + 20)) room.receive(next);
  assert.deepEqual(seqs(), range(21, WINDOW_MAX + 20));
  assert.equal(room.more, true);
  assert.equal(room.atTail, true);
});

test('who reads far up loses the newest messages, and can have them again', () => {
  room.open(messages(1001, 1050), true, 1050);
  room.anchor = 1001;
  for (let first = 951; first >= 501; first -= 50) {
    room.anchor = first + 50;
    room.prepend(messages(first, first + 49), true);
  }
  assert.equal(room.messages.length, WINDOW_MAX);
  assert.deepEqual([seqs()[0], seqs().at(-1)], [501, 1000]);
  assert.equal(room.atTail, false);

  room.receive(message(1051));
  assert.equal(seqs().at(-1), 1000, 'what comes meanwhile does not make a gap');
  assert.equal(room.seq, 1051);

  room.anchor = 1000;
  room.append(messages(1001, 1050), 1051, 1051);
  assert.deepEqual([seqs()[0], seqs().at(-1)], [551, 1050]);
  assert.equal(room.atTail, false);
  room.append([message(1051)], 1101, 1051);
  assert.equal(room.atTail, true);
  room.receive(message(1052));
  assert.equal(seqs().at(-1), 1052);
});

test('a message that came while a newer page was on its way is asked for, not skipped', () => {
  room.open(messages(1, 500), false, 500);
  room.anchor = 1;
  room.receive(message(501));
  assert.equal(room.atTail, false);
  room.receive(message(502));
  room.anchor = 500;
  room.append([message(501)], 551, 501);
  assert.equal(room.end, 501);
  assert.equal(room.atTail, false);
});

test('a gap in the numbers does not keep a newer page from arriving', () => {
  room.open(messages(1, 500), false, 500);
  room.anchor = 1;
  room.receive(message(700));
  room.append([], 551, 700);
  assert.equal(room.end, 550);
});

test('what was not seen is counted from where one stopped reading', () => {
  room.open(messages(1, 10), false, 10);
  assert.equal(room.unread, 0, 'nobody has been here: nothing is new');
  room.markRead();
  room.receive(message(11));
  room.receive(message(12));
  assert.equal(room.unread, 2);
  room.markRead();
  assert.equal(room.unread, 0);
});
