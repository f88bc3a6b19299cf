import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Memory } from '../../../web/state/memory.js';
import { hashOf, roomFromHash } from '../../../web/state/address.js';
import { FakeStorage } from './fakes.js';

test('names and rooms are for every tab, the client\'s key and its unsent messages for one', () => {
  const local = new FakeStorage();
  const one = new Memory(() => local, () => new FakeStorage());
  const other = new Memory(() => local, () => new FakeStorage());
  one.name = 'Ann';
  one.rememberRoom('lobby', 7);
  other.rememberRoom('tea', 1);
  assert.equal(other.name, 'Ann');
  assert.deepEqual([...one.rooms], [['lobby', 7], ['tea', 1]]);
  one.forgetRoom('lobby');
  assert.deepEqual([...other.rooms], [['tea', 1]]);
  assert.equal(one.client(() => 'first'), 'first');
  assert.equal(one.client(() => 'second'), 'first');
  assert.equal(other.client(() => 'other'), 'other');
});

test('without storage the page works and forgets', () => {
  const blocked = () => { throw new Error('SecurityError'); };
  const full = () => ({ getItem: () => null, setItem: () => { throw new Error('QuotaExceededError'); }, removeItem: () => {} });
  for (const storage of [blocked, full]) {
    const memory = new Memory(storage, storage);
    memory.name = 'Ann';
    memory.rememberRoom('lobby', 1);
    memory.outbox = [];
    assert.equal(memory.name, '');
    assert.equal(memory.rooms, null);
    assert.deepEqual(memory.outbox, []);
  }
});

test('what makes no sense any more is not remembered', () => {
  const storage = new FakeStorage();
  const memory = new Memory(() => storage, () => storage);
  for (const nonsense of ['{', '7', '"x"', '[]', '{"lobby":"x"}', '[{"id":1}]']) {
    storage.setItem('switchboard.rooms', nonsense);
    storage.setItem('switchboard.outbox', nonsense);
    assert.equal(memory.rooms?.size ?? 0, 0);
    assert.deepEqual(memory.outbox, []);
  }
});

test('a room\'s address leads back to it, and is readable', () => {
  for (const key of ['lobby', 'tea-time-茶', '100%', 'a#b', '<b>"x"</b>', 'ünïcode', '周末徒步', '👍']) {
    assert.equal(roomFromHash(hashOf(key)), key);
    assert.equal(roomFromHash(new URL(hashOf(key), 'http://example.test/').hash), key);
  }
  assert.equal(hashOf('tea-time-茶'), '#tea-time-茶');
  assert.equal(roomFromHash('#%E0%A4%A'), '%e0%a4%a');
  assert.equal(roomFromHash('#Tea%20time 茶'), 'tea-time-茶');
  assert.equal(roomFromHash('#%20'), null);
  assert.equal(roomFromHash(''), null);
});
