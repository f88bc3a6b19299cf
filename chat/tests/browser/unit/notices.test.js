import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Notices } from '../../../web/state/notices.js';

/** @param {...string} events such as 'Ann joined' */
function outcome(...events) {
  const notices = new Notices();
  for (const event of events) {
    const [name, kind] = event.split(' ');
    notices.add(kind, name, 5, 0);
  }
  return notices.list.map(({ people }) => Object.fromEntries(people));
}

test('who comes and goes between two messages is told of once', () => {
  assert.deepEqual(outcome('Ann joined', 'Bob joined', 'Ann left'), [{ Ann: 'left', Bob: 'joined' }]);
});

test('who leaves and is back is not told of', () => {
  assert.deepEqual(outcome('Ann left', 'Ann online', 'Ann joined'), [{ Ann: 'back' }]);
});

test('who connects and then joins has joined', () => {
  assert.deepEqual(outcome('Ann online', 'Ann joined', 'Ann online'), [{ Ann: 'joined' }]);
});

test('who has left a private room and who was removed are told apart', () => {
  const notices = new Notices();
  notices.add('resigned', 'Bob', 5, 0, 'Bob');
  notices.add('removed', 'Cy', 5, 0, 'Ann');
  notices.add('removed', 'Di', 5, 0, 'Ann');
  notices.add('added', 'Di', 5, 0, 'Ann');
  const [{ people, by }] = notices.list;
  assert.deepEqual(Object.fromEntries(people), { Bob: 'resigned', Cy: 'removed', Di: 'back' });
  assert.equal(by.get('Cy'), 'Ann');
});

test('however many come and go, what is kept is bounded', () => {
  const notices = new Notices();
  for (let seq = 0; seq < 200; seq += 1) for (let i = 0; i < 200; i += 1) notices.add('joined', `n${i}`, seq, 0);
  assert.ok(notices.list.length <= 50);
  assert.ok(notices.list.every(({ people }) => people.size <= 100));
});
