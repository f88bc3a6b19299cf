import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { readRoomEnd } from '../../../web/net/frames.js';
import { Refusal, Unanswered } from '../../../web/net/requests.js';
import { Session } from '../../../web/net/session.js';
import { Memory } from '../../../web/state/memory.js';
import { Outbox } from '../../../web/state/outbox.js';
import { Store } from '../../../web/state/store.js';
import { timeline } from '../../../web/state/timeline.js';
import { FakeStorage, FakeWorld, message, messages, settled } from './fakes.js';

const LIMITS = { text: 4000, name: 32, room: 48, page: 50 };

let world;
let store;
let memory;
let outbox;
let session;
let local;
let tab;

function sitDown() {
  world = new FakeWorld();
  store = new Store(() => {});
  memory = new Memory(() => local, () => tab);
  outbox = new Outbox(memory.outbox, (list) => { memory.outbox = list; });
  let ids = 0;
  session = new Session({ store, memory, outbox, surroundings: world.surroundings, newId: () => `id-${(ids += 1)}`, clock: () => 1_763_800_000_000, onNobody: () => {}, onEnd: () => {} });
}

beforeEach(() => {
  local = new FakeStorage();
  tab = new FakeStorage();
  sitDown();
});

const lobby = () => store.room('lobby');
const texts = (key = 'lobby') => timeline(store.room(key), outbox.of(key), store.name).filter(({ kind }) => kind === 'message').map(({ text, state }) => (state === 'stored' ? text : `${text} (${state})`));

/** The server says welcome, and lets one in wherever one asks. */
function welcome({ name = 'Ann', held = messages(1, 3), more = false } = {}) {
  const { socket } = world;
  socket.open();
  for (const request of [...socket.sent]) {
    if (request.type === 'connect') socket.receive({ type: 'welcome', id: request.id, name, rooms: [{ room: 'lobby', title: 'Lobby', seq: held.length, members: 2, joined: false }], limits: LIMITS });
    if (request.type === 'join') socket.receive({ type: 'joined', id: request.id, room: request.room, title: 'Lobby', messages: held, more, seq: held.at(-1)?.seq ?? 0, members: ['Ann', 'Bob'] });
  }
}

function comeIn(options) {
  session.show('lobby');
  session.callMe('Ann');
  welcome(options);
}

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
