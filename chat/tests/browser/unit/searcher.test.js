import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Refusal, Unanswered } from '../../../web/net/requests.js';
import { Searcher } from '../../../web/net/searcher.js';
import { FakeWorld, message, settled } from './fakes.js';

const hit = (seq) => ({ message: message(seq), context: ['', 'message', ` ${seq}`] });
const seqs = (searcher) => searcher.hits.map((one) => one.message.seq);

function begin() {
  const world = new FakeWorld();
  /** @type {{ request: any, answer: (frame: any) => Promise<void>, refuse: (error: Error) => Promise<void> }[]} */
  const asked = [];
  const ask = (request) => new Promise((resolve, reject) => asked.push({
    request,
    answer: (frame) => { resolve({ type: 'found', more: false, ...frame }); return settled(); },
    refuse: (error) => { reject(error); return settled(); },
  }));
  return { world, asked, searcher: new Searcher(ask, world.surroundings, () => {}) };
}

const refusal = (code, retryAfterMs) => new Refusal({ type: 'error', code, data: '', retryAfterMs });

test('what one types is searched for when one pauses', async () => {
  const { world, asked, searcher } = begin();
  for (const text of ['t', 'te', 'tea']) {
    searcher.look({ text }, 300);
    world.pass(200);
  }
  assert.equal(asked.length, 0);
  world.pass(100);
  assert.deepEqual(asked.map(({ request }) => request), [{ type: 'search', text: 'tea', limit: 20 }]);
  await asked[0].answer({ hits: [hit(7)] });
  assert.deepEqual([searcher.state, seqs(searcher)], ['done', [7]]);
  searcher.look({ text: 'tea' }, 300);
  world.pass(300);
  assert.equal(asked.length, 1, 'it is there already');
  searcher.look({ text: 'tea' });
  await asked[1].answer({ hits: [hit(9), hit(7)] });
  assert.deepEqual(seqs(searcher), [9, 7], 'who asks for it again gets what has come since');
});

test('an answer to what is wanted no more is dropped', async () => {
  const { asked, searcher } = begin();
  searcher.look({ text: 'tea' });
  searcher.look({ text: 'cake' });
  await asked[1].answer({ hits: [hit(2)] });
  await asked[0].answer({ hits: [hit(1)] });
  assert.deepEqual(seqs(searcher), [2]);
  searcher.look(null);
  assert.deepEqual([searcher.state, seqs(searcher)], ['idle', []]);
});

test('the next page goes on where the last one ended', async () => {
  const { asked, searcher } = begin();
  searcher.look({ text: 'tea', room: 'lobby' });
  await asked[0].answer({ hits: [hit(9), hit(8)], more: true, cursor: '8.lobby' });
  searcher.next();
  searcher.next();
  assert.equal(asked.length, 2);
  assert.equal(asked[1].request.cursor, '8.lobby');
  await asked[1].answer({ hits: [hit(7)] });
  assert.deepEqual([seqs(searcher), searcher.more], [[9, 8, 7], false]);
  searcher.next();
  assert.equal(asked.length, 2);
});

test('who is too fast waits, and who is not answered can try again', async () => {
  const { world, asked, searcher } = begin();
  searcher.look({ text: 'tea' });
  await asked[0].refuse(refusal('rate_limited', 700));
  assert.equal(searcher.state, 'searching');
  world.pass(700);
  await asked[1].refuse(refusal('busy', 50));
  world.pass(50);
  await asked[2].refuse(new Unanswered());
  assert.deepEqual([searcher.state, searcher.problem.code], ['failed', 'unanswered']);
  searcher.retry();
  await asked[3].refuse(refusal('too_slow'));
  assert.deepEqual([searcher.state, searcher.problem.code], ['failed', 'too_slow']);
  searcher.retry();
  await asked[4].answer({ hits: [hit(1)] });
  assert.deepEqual([searcher.state, seqs(searcher)], ['done', [1]]);
});
