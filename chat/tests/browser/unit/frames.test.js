import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LIMITS_DEFAULT, parseFrame } from '../../../web/net/frames.js';
import { message } from './fakes.js';

const parse = (value) => parseFrame(JSON.stringify(value));

test('a message is read with the id that confirms it', () => {
  assert.deepEqual(parse({ type: 'message', ...message(7), id: 'a' }), { type: 'message', id: 'a', message: { ...message(7), id: 'a' } });
});

test('a page of messages takes the room from the frame where the messages do not say it', () => {
  const { room, ...bare } = message(7);
  assert.deepEqual(parse({ type: 'history', id: 'h', room, messages: [bare], more: true }), { type: 'history', id: 'h', room, messages: [message(7)], more: true });
});

test('limits that a server does not name have their usual values', () => {
  const frame = parse({ type: 'welcome', name: 'Ann', rooms: [], limits: { text: 100, name: -1 } });
  assert.deepEqual(frame.limits, { ...LIMITS_DEFAULT, text: 100 });
});

test('unknown keys are ignored', () => {
  assert.deepEqual(parse({ type: 'left', room: 'lobby', future: true }), { type: 'left', room: 'lobby' });
});

test('values of the wrong type make the frame unreadable, whatever it is', () => {
  for (const frame of [
    { type: 'welcome', name: 1, rooms: [], limits: {} },
    { type: 'welcome', name: 'Ann', rooms: [{ room: 'lobby' }], limits: {} },
    { type: 'joined', room: 'lobby', title: 'Lobby', messages: 'none', more: false, seq: 0, members: [] },
    { type: 'joined', room: 'lobby', title: 'Lobby', messages: [null], more: false, seq: 0, members: [] },
    { type: 'message', data: 'hi', room: 'lobby', seq: null, from: 'Ann', ts: 0 },
    { type: 'who', room: 'lobby', members: [1] },
    { type: 'join', room: 'lobby', from: 'Ann', members: '4' },
    { type: 'error', code: 7 },
    { type: 'constructor' },
    { type: '__proto__' },
  ]) assert.equal(parse(frame), null, JSON.stringify(frame));
});

test('what a search has found is messages with their context', () => {
  const context = ['', 'message', ' 7'];
  const found = { type: 'found', id: 's', hits: [{ ...message(7), context }], more: true, cursor: '7.lobby' };
  assert.deepEqual(parse(found), { type: 'found', id: 's', hits: [{ message: message(7), context }], more: true, cursor: '7.lobby' });
  assert.equal(parse({ ...found, hits: [message(7)] }), null);
  assert.equal(parse({ ...found, hits: [{ ...message(7), context: [1] }] }), null);
});
