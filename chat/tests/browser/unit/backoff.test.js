import assert from 'node:assert/strict';
import { test } from 'node:test';

import { DELAY_FIRST_MS, DELAY_MAX_MS, reconnectDelay } from '../../../web/net/backoff.js';

test('the ceiling of the delay doubles from half a second up to thirty seconds', () => {
  const ceilings = Array.from({ length: 10 }, (_, attempt) => reconnectDelay(attempt, () => 0.999999) + 1);
  assert.deepEqual(ceilings, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000]);
  assert.equal(DELAY_FIRST_MS, 500);
  assert.equal(DELAY_MAX_MS, 30_000);
});

test('any delay below the ceiling can come: clients do not return in step', () => {
  assert.equal(reconnectDelay(4, () => 0), 0);
  assert.equal(reconnectDelay(4, () => 0.5), 4000);
});

test('the delay stays bounded after any number of attempts', () => {
  assert.ok(reconnectDelay(100_000, () => 0.999999) < DELAY_MAX_MS);
});
