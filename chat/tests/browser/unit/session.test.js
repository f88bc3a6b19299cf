/** Who one is, which rooms one is in, and what is shown of them, whatever becomes of the connection. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readRoomEnd } from '../../../web/net/frames.js';
import { Refusal, Unanswered } from '../../../web/net/requests.js';
import { message, messages, settled } from './fakes.js';
import { comeIn, LIMITS, lobby, memory, outbox, session, store, texts, welcome, world } from './visitor.js';

test('name and rooms go out together, as soon as there is a connection', () => {
  session.show('lobby');
  session.callMe('Ann');
  assert.deepEqual(world.socket.sent, []);
  world.socket.open();
  assert.deepEqual(world.socket.sent.map(({ type, text, room }) => [type, text ?? room]), [['connect', 'Ann'], ['join', 'lobby']]);
  assert.ok(world.socket.sent[0].client.length > 0);
});

test('after the welcome the name is remembered, and the room shows what was said', () => {
  comeIn();
  assert.equal(store.link.ready, true);
  assert.equal(memory.name, 'Ann');
  assert.deepEqual(texts(), ['message 1', 'message 2', 'message 3']);
  assert.deepEqual([...memory.rooms.keys()], ['lobby']);
});

test('a name that the server refuses leaves one at the door, where another can be tried', () => {
  session.show('lobby');
  session.callMe('bad');
  world.socket.open();
  const [connect, join] = world.socket.sent;
  world.socket.receive({ type: 'error', id: connect.id, code: 'bad_name', data: 'No.' });
  world.socket.receive({ type: 'error', id: join.id, code: 'not_connected', data: 'Connect first.' });
  return settled().then(() => {
    assert.deepEqual(store.nameProblem, { code: 'bad_name', sentence: 'No.' });
    assert.equal(lobby().problem, null);
    assert.equal(lobby().wanted, true);
    session.callMe('Ann');
    assert.equal(store.nameProblem, null);
    assert.deepEqual(world.socket.sent.slice(2).map(({ type }) => type), ['connect', 'join']);
  });
});

test('when too much was missed, the newest page takes the place of what was held', () => {
  comeIn();
  world.socket.lose();
  world.pass(250);
  const { socket } = world;
  socket.open();
  socket.receive({ type: 'welcome', id: 'x', name: 'Ann', rooms: [], limits: LIMITS });
  socket.receive({ type: 'resumed', room: 'lobby', complete: false, messages: messages(951, 1000), more: true, seq: 1000, members: ['Ann'] });
  assert.equal(texts().length, 50);
  assert.equal(texts()[0], 'message 951');
  assert.equal(lobby().more, true);
});

test('a room that is gone after a reconnect says so, and its messages are not lost silently', async () => {
  comeIn();
  world.socket.lose();
  session.post('lobby', 'hi');
  world.pass(250);
  const { socket } = world;
  socket.open();
  socket.receive({ type: 'welcome', id: 'x', name: 'Ann', rooms: [], limits: LIMITS });
  socket.receive({ type: 'error', id: socket.requests('resume')[0].id, code: 'no_such_room', data: 'No.', room: 'lobby' });
  await settled();
  assert.equal(lobby().problem.code, 'no_such_room');
  assert.deepEqual(texts().slice(-1), ['hi (failed)']);
});

test('a resume that is refused as a whole becomes joins', async () => {
  comeIn();
  world.socket.lose();
  world.pass(250);
  const { socket } = world;
  socket.open();
  socket.receive({ type: 'error', id: socket.requests('resume')[0].id, code: 'bad_value', data: 'No.' });
  await settled();
  assert.equal(socket.requests('join').length, 1);
});

test('a room that cannot be entered because the server is busy is entered a little later, and what waits for it is kept', async () => {
  comeIn();
  world.socket.lose();
  session.post('lobby', 'hi');
  world.pass(250);
  const { socket } = world;
  socket.open();
  socket.receive({ type: 'welcome', id: 'x', name: 'Ann', rooms: [], limits: LIMITS });
  socket.receive({ type: 'error', id: socket.requests('resume')[0].id, code: 'busy', data: 'Later.', room: 'lobby' });
  await settled();
  assert.equal(lobby().problem.code, 'busy');
  assert.deepEqual(texts().slice(-1), ['hi (waiting)']);
  world.pass(4_000);
  const [join] = socket.requests('join');
  socket.receive({ type: 'joined', id: join.id, room: 'lobby', title: 'Lobby', messages: messages(1, 3), more: false, seq: 3, members: ['Ann'] });
  assert.equal(lobby().problem, null);
  assert.deepEqual(texts().slice(-1), ['hi (sent)']);
});

test('messages of a room that is not shown are unread until it is', () => {
  comeIn();
  session.show('tea');
  const join = world.socket.requests('join').at(-1);
  world.socket.receive({ type: 'joined', id: join.id, room: 'tea', title: 'Tea', messages: [], more: false, seq: 0, members: ['Ann'] });
  world.socket.receive({ type: 'message', ...message(4) });
  assert.equal(lobby().unread, 1);
  session.show('lobby');
  session.markRead(lobby());
  assert.equal(lobby().unread, 0);
  assert.equal(memory.rooms.get('lobby'), 4);
});

test('the list of rooms does not disturb a room that one is in', () => {
  comeIn();
  world.socket.receive({ type: 'rooms', rooms: [{ room: 'lobby', title: 'Lobby', seq: 4, members: 9, joined: true }, { room: 'tea', title: 'Tea', seq: 8, members: 1, joined: false }] });
  assert.deepEqual([lobby().seq, lobby().members, store.room('tea').seq], [3, 9, 8]);
  world.socket.receive({ type: 'message', ...message(4) });
  assert.deepEqual(texts().slice(-1), ['message 4']);
});

test('older messages are asked for once, and put before', async () => {
  comeIn({ held: messages(51, 100), more: true });
  session.pages.older(lobby());
  session.pages.older(lobby());
  const asked = world.socket.requests('history');
  assert.deepEqual(asked.map(({ before, limit }) => [before, limit]), [[51, 50]]);
  world.socket.receive({ type: 'history', id: asked[0].id, room: 'lobby', messages: messages(1, 50), more: false });
  await settled();
  assert.equal(texts().length, 100);
  assert.equal(lobby().loading, null);
});

test('newer messages come without a gap, also when the server cuts a page', async () => {
  comeIn({ held: messages(1, 500) });
  lobby().anchor = 1;
  for (const next of messages(501, 540)) world.socket.receive({ type: 'message', ...next });
  assert.equal(lobby().end, 500);
  lobby().anchor = 500;
  session.pages.newer(lobby());
  const answer = (messagesOfPage, more) => {
    const { id } = world.socket.requests('history').at(-1);
    world.socket.receive({ type: 'history', id, room: 'lobby', messages: messagesOfPage, more });
    return settled();
  };
  assert.equal(world.socket.requests('history').at(-1).before, 551);
  await answer(messages(530, 540), true);
  assert.equal(world.socket.requests('history').at(-1).before, 530);
  await answer(messages(480, 529), true);
  assert.equal(lobby().atTail, true);
  const held = lobby().messages.map(({ seq }) => seq);
  assert.deepEqual(held, Array.from({ length: 500 }, (_, i) => 41 + i));
});

test('older messages that the server cannot give now say why, and can be asked for again', async () => {
  comeIn({ held: messages(51, 100), more: true });
  session.pages.older(lobby());
  world.socket.receive({ type: 'error', id: world.socket.requests('history')[0].id, code: 'busy', data: 'Later.', room: 'lobby' });
  await settled();
  assert.deepEqual(lobby().problem, { about: 'older', code: 'busy', sentence: 'Later.' });
  session.pages.older(lobby());
  assert.equal(world.socket.requests('history').length, 2);
});

test('a connection that is lost on the way ends the loading', async () => {
  comeIn({ held: messages(51, 100), more: true });
  session.pages.older(lobby());
  world.socket.lose();
  await settled();
  assert.equal(lobby().loading, null);
  assert.equal(lobby().problem, null);
});

test('a new room gives its key, an existing one is named', async () => {
  comeIn();
  const created = session.conversations.create('Tea time 茶');
  world.socket.receive({ type: 'created', id: world.socket.requests('create')[0].id, room: 'tea-time-茶', title: 'Tea time 茶' });
  assert.equal(await created, 'tea-time-茶');
  const existing = session.conversations.create('Tea time 茶');
  world.socket.receive({ type: 'error', id: world.socket.requests('create')[1].id, code: 'room_exists', data: 'It exists.', room: 'tea-time-茶' });
  await assert.rejects(existing, (error) => error instanceof Refusal && error.room === 'tea-time-茶');
});

test('what cannot be asked now is said to be unanswered', async () => {
  await assert.rejects(session.conversations.create('Tea'), Unanswered);
});

test('who leaves a room is out of it, also when the server says so late', async () => {
  comeIn();
  const leaving = session.leave(lobby());
  world.socket.receive({ type: 'left', id: world.socket.requests('leave')[0].id, room: 'lobby' });
  await leaving;
  assert.equal(lobby().wanted, false);
  assert.equal(store.current, null);
  assert.deepEqual([...memory.rooms.keys()], []);
  world.socket.receive({ type: 'message', ...message(4) });
  assert.equal(lobby().messages.length, 0);
});

test('who leaves a room while away is not in it after the reconnect', async () => {
  comeIn();
  world.socket.lose();
  await session.leave(lobby());
  world.pass(250);
  world.socket.open();
  assert.deepEqual(world.socket.sent.map(({ type }) => type), ['connect']);
});

test('a new name goes to the server on the same connection; a refused one changes nothing', async () => {
  comeIn();
  const renaming = session.callMe('Bea');
  world.socket.receive({ type: 'welcome', id: world.socket.requests('connect')[1].id, name: 'Bea', rooms: [], limits: LIMITS });
  await renaming;
  assert.equal(store.name, 'Bea');
  assert.equal(memory.name, 'Bea');
  assert.deepEqual(lobby().people, ['Bob', 'Bea']);
  const refused = session.callMe('x'.repeat(33));
  world.socket.receive({ type: 'error', id: world.socket.requests('connect')[2].id, code: 'name_too_long', data: 'Too long.' });
  await assert.rejects(refused, Refusal);
  assert.equal(store.name, 'Bea');
  assert.equal(store.nameProblem, null);
  world.socket.lose();
  world.pass(250);
  world.socket.open();
  assert.equal(world.socket.sent[0].text, 'Bea');
});

test('people come and go in the list and in the count', () => {
  comeIn();
  world.socket.receive({ type: 'join', room: 'lobby', from: 'Eve', members: 3 });
  assert.deepEqual([lobby().people, lobby().members], [['Ann', 'Bob', 'Eve'], 3]);
  world.socket.receive({ type: 'leave', room: 'lobby', from: 'Bob', members: 2 });
  assert.deepEqual([lobby().people, lobby().members], [['Ann', 'Eve'], 2]);
});

test('when list and count do not agree, the list is asked for, once for many reasons', () => {
  comeIn();
  for (let i = 0; i < 5; i += 1) world.socket.receive({ type: 'join', room: 'lobby', from: `n${i}`, members: 9 });
  world.pass(4_000);
  assert.equal(world.socket.requests('who').length, 1);
  world.socket.receive({ type: 'who', room: 'lobby', members: ['Ann'], member_count: 700 });
  assert.deepEqual([lobby().people, lobby().members], [['Ann'], 700]);
});

test('errors that belong to nothing are kept to be shown', () => {
  comeIn();
  world.socket.receive({ type: 'error', code: 'bad_json', data: 'That was not JSON.' });
  assert.deepEqual(store.problem, { code: 'bad_json', sentence: 'That was not JSON.' });
});

test('whoever may not come in yet, or into a room, is let in later', async () => {
  session.show('lobby');
  session.callMe('Ann');
  const { socket } = world;
  socket.open();
  const [connect, join] = socket.sent;
  socket.receive({ type: 'error', code: 'rate_limited', data: 'Slowly.', id: connect.id, retry_after_ms: 500 });
  socket.receive({ type: 'error', code: 'not_connected', data: 'No.', id: join.id });
  await settled();
  assert.equal(store.nameProblem?.code, 'rate_limited');
  world.pass(1_000);
  const again = socket.sent.filter(({ type }) => type === 'connect');
  assert.equal(again.length, 2);
  welcome();
  assert.equal(store.nameProblem, null);
  assert.equal(lobby().joined, true);
});

test('a hole in what has happened is filled by a resume', async () => {
  comeIn();
  world.socket.receive({ type: 'reaction', room: 'lobby', seq: 2, change: 2, emoji: '👍', from: 'Bob', on: true, count: 1 });
  world.socket.receive({ type: 'reaction', room: 'lobby', seq: 2, change: 3, emoji: '🎉', from: 'Bob', on: true, count: 1 });
  const asked = world.socket.requests('resume');
  assert.deepEqual(asked.map(({ rooms }) => rooms), [{ lobby: { seq: 3, change: 0 } }]);
});

const ANN = { id: 7, name: 'Ann', guest: true, role: 'guest' };

/** What the server has said of the lobby, beside who one is. */
const end = (more = {}) => readRoomEnd({ room: 'lobby', title: 'Lobby', seq: 3, joined: false, change: 2, member: true, read: 2, unread: 1, messages: messages(1, 3), more: false, ...more });

/** The page is loaded again by somebody who was here. */
function comeAgain() {
  Object.assign(memory, { member: ANN.id, name: 'Ann' });
  memory.rememberRoom('lobby', 2);
  session.show('lobby');
  session.prepare();
}

test('a conversation is shown before there is a connection, which then goes on from there', async () => {
  comeAgain();
  world.socket.open();
  assert.deepEqual(world.socket.sent, [], 'nothing is said before it is known who says it');
  session.arrive(ANN, end());
  assert.deepEqual(texts(), ['message 1', 'message 2', 'message 3']);
  assert.deepEqual([lobby().title, lobby().unread, lobby().joined, store.link.ready], ['Lobby', 1, false, false]);
  const [connect, resume, more] = world.socket.sent;
  assert.deepEqual([connect.text, resume.rooms, more], ['', { lobby: { seq: 3, change: 2 } }, undefined]);
  world.socket.receive({ type: 'welcome', id: connect.id, name: 'Ann', person: ANN, rooms: [], limits: LIMITS });
  world.socket.receive({ type: 'resumed', id: resume.id, room: 'lobby', complete: true, messages: [message(4)], changes: [], seq: 4, change: 2, members: ['Ann'], member_count: 1, member: true, read: 2, unread: 2 });
  await settled();
  assert.deepEqual([texts().length, lobby().joined, lobby().unread], [4, true, 2]);
});

test('what was written meanwhile, or was stored before the page was left, is there once', () => {
  comeAgain();
  session.post('lobby', 'stored already');
  const [{ id }] = outbox.of('lobby');
  session.post('lobby', 'not yet');
  session.arrive(ANN, end({ seq: 4, messages: [...messages(1, 3), { ...message(4, 'stored already', 'Ann'), id }] }));
  assert.deepEqual(texts(), ['message 1', 'message 2', 'message 3', 'stored already', 'not yet (waiting)']);
});

test('where it cannot be asked who one is, the connection goes on with the session, and whoever was renamed meanwhile is called so', () => {
  comeAgain();
  session.goOn('Ann');
  world.socket.open();
  const [connect] = world.socket.sent;
  assert.deepEqual(world.socket.sent.map(({ type, text, room }) => [type, text ?? room]), [['connect', ''], ['join', 'lobby']], 'the old name would be a new one');
  world.socket.receive({ type: 'welcome', id: connect.id, name: 'Anna', person: { ...ANN, name: 'Anna' }, rooms: [], limits: LIMITS });
  assert.deepEqual([store.name, store.self.name, memory.name], ['Anna', 'Anna', 'Anna']);
});

test('where it cannot be asked who one is, a session that has ended is told of, and a new name is said', async () => {
  comeAgain();
  session.goOn('Ann');
  world.socket.open();
  world.socket.receive({ type: 'error', id: world.socket.sent[0].id, code: 'bad_name', data: '' });
  await settled();
  assert.equal(store.nameProblem.code, 'signed_out');
  session.callMe('Bea');
  assert.deepEqual(world.socket.requests('connect').map(({ text }) => text), ['', 'Bea']);
});

test('where it is somebody else, nothing is shown', () => {
  comeAgain();
  session.arrive({ ...ANN, id: 8 }, end());
  assert.deepEqual([texts(), world.socket.closed?.code], [[], 3004]);
});

test('what came of a room that was left meanwhile, or makes no sense, is not taken', () => {
  assert.equal(end({ messages: [{}] }), null);
  assert.equal(readRoomEnd(undefined), null);
  comeAgain();
  lobby().wanted = false;
  session.arrive(ANN, end());
  assert.deepEqual(texts(), []);
});
