/** What one writes, and what one does to messages: shown at once, stored once, and never lost on the way. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { timeline } from '../../../web/state/timeline.js';
import { message, messages, settled } from './fakes.js';
import { comeIn, LIMITS, lobby, outbox, session, sitDown, store, texts, welcome, world } from './visitor.js';

test('a message is shown at once, sent once, and stored under its id', () => {
  comeIn();
  session.post('lobby', 'hi');
  assert.deepEqual(texts().slice(-1), ['hi (sent)']);
  const [request] = world.socket.requests('message');
  world.socket.receive({ type: 'message', ...message(4, 'hi', 'Ann'), id: request.id });
  assert.deepEqual(texts().slice(-1), ['hi']);
  assert.equal(texts().length, 4);
});

test('what was not confirmed is sent again after a reconnect, under the same id, and shown once throughout', () => {
  comeIn();
  session.post('lobby', 'arrived, unconfirmed');
  session.post('lobby', 'never arrived');
  const ids = world.socket.requests('message').map(({ id }) => id);
  world.socket.lose();
  session.post('lobby', 'written while away');
  assert.deepEqual(texts().slice(3), ['arrived, unconfirmed (waiting)', 'never arrived (waiting)', 'written while away (waiting)']);

  world.pass(250);
  const { socket } = world;
  socket.open();
  const [connect, resume] = socket.sent;
  assert.deepEqual(resume.rooms, { lobby: { seq: 3, change: 0 } });
  assert.deepEqual(socket.requests('message'), [], 'nothing goes out before the room is entered');
  socket.receive({ type: 'welcome', id: connect.id, name: 'Ann', rooms: [], limits: LIMITS });
  socket.receive({ type: 'resumed', id: resume.id, room: 'lobby', complete: true, messages: [message(4, 'from Bob'), message(5, 'arrived, unconfirmed', 'Ann')], seq: 5, members: ['Ann'] });
  assert.deepEqual(texts().slice(3), ['from Bob', 'arrived, unconfirmed', 'never arrived (sent)', 'written while away (sent)']);

  const again = socket.requests('message');
  assert.deepEqual(again.map(({ id }) => id).slice(0, 2), ids);
  socket.receive({ type: 'message', ...message(5, 'arrived, unconfirmed', 'Ann'), id: again[0].id });
  socket.receive({ type: 'message', ...message(6, 'never arrived', 'Ann'), id: again[1].id });
  socket.receive({ type: 'message', ...message(7, 'written while away', 'Ann'), id: again[2].id });
  assert.deepEqual(texts().slice(3), ['from Bob', 'arrived, unconfirmed', 'never arrived', 'written while away']);
  assert.equal(outbox.of('lobby').length, 0);
});

test('a reload of the page sends what was not confirmed, under the same client and id', () => {
  comeIn();
  session.post('lobby', 'hi');
  const { client } = world.socket.requests('connect')[0];
  const [{ id }] = world.socket.requests('message');
  sitDown();
  comeIn({ held: messages(1, 3) });
  assert.equal(world.socket.requests('connect')[0].client, client);
  assert.equal(world.socket.requests('message')[0].id, id);
});

test('a message that comes back by its id among what was missed needs no second sending', () => {
  comeIn();
  session.post('lobby', 'hi');
  const [{ id }] = world.socket.requests('message');
  world.socket.lose();
  world.pass(250);
  const { socket } = world;
  socket.open();
  socket.receive({ type: 'welcome', id: 'x', name: 'Ann', rooms: [], limits: LIMITS });
  socket.receive({ type: 'resumed', room: 'lobby', complete: true, messages: [{ ...message(4, 'hi', 'Ann'), id }], seq: 4, members: ['Ann'] });
  assert.deepEqual(socket.requests('message'), []);
  assert.deepEqual(texts().slice(3), ['hi']);
});

test('a message that the server refuses says why, and can be sent again under the same id', async () => {
  comeIn();
  session.post('lobby', 'hi');
  const [{ id }] = world.socket.requests('message');
  world.socket.receive({ type: 'error', id, code: 'busy', data: 'Try again.', room: 'lobby' });
  assert.deepEqual(texts().slice(-1), ['hi (failed)']);
  assert.deepEqual([outbox.find(id).code, outbox.find(id).sentence], ['busy', 'Try again.']);
  session.retry(id);
  assert.deepEqual(world.socket.requests('message').map((request) => request.id), [id, id]);
});

test('messages that come too fast wait, and are sent one by one when the server says so', () => {
  comeIn();
  const { socket } = world;
  for (const text of ['one', 'two', 'three', 'four']) session.post('lobby', text);
  const sent = () => socket.sent.filter(({ type }) => type === 'message').map(({ text }) => text);
  const requests = socket.sent.filter(({ type }) => type === 'message');
  assert.deepEqual(sent(), ['one', 'two', 'three', 'four']);
  const refuse = (request) => socket.receive({ type: 'error', code: 'rate_limited', data: 'Slowly.', id: request.id, room: 'lobby', retry_after_ms: 800 });
  const store4 = (request, seq) => socket.receive({ ...message(seq, request.text, 'Ann'), type: 'message', id: request.id });
  store4(requests[0], 4);
  refuse(requests[1]);
  refuse(requests[2]);
  refuse(requests[3]);
  assert.equal(store.slowed, true);
  assert.deepEqual(texts().slice(-3), ['two (waiting)', 'three (waiting)', 'four (waiting)'], 'nothing is lost');
  session.post('lobby', 'five');
  assert.equal(sent().length, 4, 'and nothing is sent before its time');
  world.pass(800);
  assert.deepEqual(sent().slice(4), ['two']);
  store4(requests[1], 5);
  assert.deepEqual(sent().slice(4), ['two', 'three']);
  refuse(requests[2]);
  world.pass(800);
  store4(requests[2], 6);
  store4(requests[3], 7);
  store4(socket.sent.at(-1), 8);
  assert.deepEqual(sent().slice(4), ['two', 'three', 'three', 'four', 'five']);
  assert.equal(store.slowed, false);
  assert.deepEqual(texts().slice(-5), ['one', 'two', 'three', 'four', 'five']);
});

test('a connection that is lost while messages wait begins anew', () => {
  comeIn();
  session.post('lobby', 'one');
  const request = world.socket.sent.at(-1);
  world.socket.receive({ type: 'error', code: 'rate_limited', data: 'Slowly.', id: request.id, retry_after_ms: 60_000 });
  assert.equal(store.slowed, true);
  world.socket.lose();
  assert.equal(store.slowed, false);
  assert.deepEqual(texts().slice(-1), ['one (waiting)']);
});

test('a change of a message is shown at once, sent again after a reconnect, and can be tried again when it is refused', async () => {
  comeIn({ held: [{ ...message(1, 'mine', 'Ann'), id: 'm' }, message(2)] });
  const items = () => timeline(lobby(), [], store.name, { changes: session.changes.of('lobby') }).filter(({ kind }) => kind === 'message');
  session.changes.edit(lobby().messages[0], 'new');
  session.changes.react(lobby().messages[1], '👍', true);
  assert.deepEqual(items().map(({ text, state, reactions }) => [text, state, reactions.length]), [['new', 'sent', 0], ['message 2', 'stored', 1]]);
  world.socket.lose();
  await settled();
  world.pass(250);
  const { socket } = world;
  socket.open();
  const [connect, resume] = socket.sent;
  socket.receive({ type: 'welcome', id: connect.id, name: 'Ann', rooms: [], limits: LIMITS });
  socket.receive({ type: 'resumed', id: resume.id, room: 'lobby', complete: true, messages: [], changes: [], seq: 2, change: 0, members: ['Ann'] });
  const [edit] = socket.requests('edit');
  const [react] = socket.requests('react');
  socket.receive({ type: 'reaction', id: react.id, room: 'lobby', seq: 2, change: 1, emoji: '👍', from: 'Ann', on: true, count: 1 });
  socket.receive({ type: 'error', id: edit.id, code: 'not_yours', data: 'No.' });
  await settled();
  assert.deepEqual(items().map(({ text, state }) => [text, state]), [['new', 'failed'], ['message 2', 'stored']]);
  assert.equal(items()[1].reactions[0].mine, true);
  session.changes.retry(items()[0].slot);
  assert.equal(socket.requests('edit').length, 2);
  session.changes.discard(items()[0].slot);
  assert.equal(items()[0].text, 'mine');
});
