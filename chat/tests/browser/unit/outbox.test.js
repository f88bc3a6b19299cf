import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Outbox, OUTBOX_MAX } from '../../../web/state/outbox.js';
import { message } from './fakes.js';

let saved;
let outbox;
const states = () => outbox.of('lobby').map(({ id, state }) => `${id} ${state}`);
const add = (id, text = id) => outbox.add({ id, room: 'lobby', text, ts: 0 });

beforeEach(() => {
  saved = [];
  outbox = new Outbox([], (list) => { saved = structuredClone(list); });
});

test('a message waits, is sent, is confirmed, and gone', () => {
  add('a');
  assert.deepEqual(states(), ['a waiting']);
  outbox.markSent('a');
  assert.deepEqual(states(), ['a sent']);
  outbox.confirm('a');
  assert.deepEqual(states(), []);
  assert.deepEqual(saved, []);
});

test('when the connection is lost, what was under way waits again under the same id; what had failed stays failed', () => {
  for (const id of ['a', 'b', 'c']) add(id);
  outbox.markSent('a');
  outbox.markSent('b');
  outbox.fail('b', 'busy', 'Try again.');
  outbox.connectionLost();
  assert.deepEqual(states(), ['a waiting', 'b failed', 'c waiting']);
  outbox.retry('b');
  assert.deepEqual(states(), ['a waiting', 'b waiting', 'c waiting']);
});

test('a reload of the page loses nothing', () => {
  add('a');
  add('b');
  outbox.markSent('a');
  outbox = new Outbox(saved, () => {});
  assert.deepEqual(states(), ['a waiting', 'b waiting']);
});

test('a message that came through although its confirmation did not is recognised, each once', () => {
  add('a', 'hi');
  add('b', 'hi');
  add('c', 'never sent');
  outbox.markSent('a');
  outbox.markSent('b');
  outbox.connectionLost();
  outbox.recognise('lobby', [message(5, 'hi', 'Ann'), message(6, 'never sent', 'Ann'), message(7, 'hi', 'Bob')], 'Ann');
  assert.deepEqual(outbox.of('lobby').map(({ echo }) => echo), [5, null, null]);
});

test('it holds a bounded number of messages', () => {
  for (let i = 0; i < OUTBOX_MAX; i += 1) assert.equal(add(`m${i}`), true);
  assert.equal(add('one more'), false);
});
