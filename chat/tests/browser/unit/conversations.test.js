/** Conversations that the server remembers: which ones one is in, what is unread in them, who writes, what one may do. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Session } from '../../../web/net/session.js';
import { Memory } from '../../../web/state/memory.js';
import { Outbox } from '../../../web/state/outbox.js';
import { Store } from '../../../web/state/store.js';
import { timeline } from '../../../web/state/timeline.js';
import { FakeStorage, FakeWorld, message, messages, settled } from './fakes.js';

const LIMITS = { text: 4000, name: 32, room: 48, page: 50 };
const ANN = { id: 7, name: 'Ann', guest: false, role: 'member' };
const SECRET = 'P0123456789abcdef';
const DIRECT = 'D7-9';

let world;
let store;
let memory;
let session;
let news;
let local;
let ends;

beforeEach(() => {
  local = new FakeStorage();
  sitDown();
});

function sitDown() {
  world = new FakeWorld();
  ends = [];
  store = new Store(() => {});
  store.self = ANN;
  memory = new Memory(() => local, () => new FakeStorage());
  let ids = 0;
  session = new Session({ store, memory, outbox: new Outbox([], () => {}), surroundings: world.surroundings, newId: () => `id-${(ids += 1)}`, clock: () => 1_763_800_000_000, onNobody: () => {}, onEnd: (next) => ends.push(next) });
  news = [];
  store.onNews((room, all) => news.push(...all.map(({ data, mentions = [] }) => [room.key, data, mentions.length])));
}

const summary = (room, more = {}) => ({ room, title: room, seq: 0, members: 1, joined: false, change: 0, ...more });
const member = (room, seq, read, more = {}) => summary(room, { seq, member: true, read, unread: seq - read, ...more });
const receive = (frame) => world.socket.receive(frame);
const asked = (type) => world.socket.requests(type);

/** The server says which rooms there are; nobody is in one before asking. */
function welcome(...rooms) {
  world.socket.open();
  const { id } = asked('connect')[0];
  receive({ type: 'welcome', id, name: 'Ann', person: ANN, rooms, limits: LIMITS });
}

function joined(room, held = [], more = {}) {
  const request = asked('join').findLast((each) => each.room === room);
  receive({ type: 'joined', id: request.id, room, title: room, messages: held, more: false, seq: held.at(-1)?.seq ?? 0, members: ['Ann'], member: true, ...more });
  return settled();
}

function comeIn(...rooms) {
  memory.member = ANN.id;
  session.comeBack('Ann');
  welcome(...rooms);
}

test('one is in the rooms that the server says, on whatever device they were entered or left', () => {
  memory.member = ANN.id;
  for (const key of ['tea', 'left elsewhere']) {
    memory.rememberRoom(key, 3);
    store.room(key).wanted = true;
  }
  comeIn(summary('lobby'), member('tea', 5, 3), summary('left elsewhere'), member('entered elsewhere', 9, 9), member(SECRET, 4, 1, { kind: 'private' }));
  assert.deepEqual(store.wanted().map(({ key }) => key), ['tea', 'entered elsewhere', SECRET]);
  assert.deepEqual(asked('join').map(({ room }) => room), ['tea', 'entered elsewhere'], 'what is not public is entered when it is shown');
  assert.deepEqual([...memory.rooms.keys()], ['tea', 'entered elsewhere'], 'and is not written down');
});

test('what is of one person is not shown to another: everything begins anew when the session ends, or is somebody else’s', () => {
  comeIn(member(SECRET, 3, 3, { kind: 'private', title: 'Budget' }));
  world.socket.lose(3001);
  world.pass(1_000);
  world.socket.open();
  const BOB = { ...ANN, id: 8, name: 'Bob' };
  receive({ type: 'welcome', id: asked('connect')[0].id, name: 'Bob', person: BOB, rooms: [member('his', 1, 1)], limits: LIMITS });
  assert.deepEqual(ends, [BOB.id]);
  assert.equal(store.name, 'Ann', 'he is not let in among her rooms');
  assert.deepEqual([world.socket.closed.reason, store.link.ready], ['ended', false]);

  sitDown();
  memory.member = BOB.id;
  session.comeBack('Ann');
  welcome();
  assert.deepEqual(ends, [ANN.id], 'who has been here before the page was opened counts, too');

  sitDown();
  comeIn();
  world.socket.lose(3501);
  assert.deepEqual([ends, store.self, store.nameProblem.code], [[null], null, 'signed_out']);
});

test('nothing stays of a private room that one is not in any more', async () => {
  comeIn(member(SECRET, 3, 3, { kind: 'private', title: 'Budget' }));
  session.show(SECRET);
  await joined(SECRET, messages(1, 3, SECRET));
  world.socket.lose();
  world.pass(1_000);
  world.socket.open();
  receive({ type: 'error', id: asked('resume')[0].id, code: 'no_such_room', data: 'No.', room: SECRET });
  assert.deepEqual(store.rooms.get(SECRET).messages, []);
});

test('the rooms of a browser that the server knows nothing of are entered, once', () => {
  memory.rememberRoom('tea', 3);
  store.room('tea').wanted = true;
  session.comeBack('Ann');
  welcome(summary('lobby'), summary('tea', { seq: 5 }));
  assert.deepEqual(asked('join').map(({ room }) => room), ['tea']);
  assert.equal(memory.member, ANN.id);
});

test('a resume that is refused as a whole becomes joins of its rooms, not of all', async () => {
  comeIn(member('tea', 1, 1), member(SECRET, 1, 1, { kind: 'private' }), member(DIRECT, 1, 1, { kind: 'direct', people: [ANN] }));
  await joined('tea', messages(1, 1, 'tea'));
  world.socket.lose();
  await settled();
  world.pass(1_000);
  world.socket.open();
  receive({ type: 'error', id: asked('resume')[0].id, code: 'bad_value', data: 'No.' });
  assert.deepEqual(asked('join').map(({ room }) => room), ['tea']);
});

test('only so many rooms are entered unasked', () => {
  comeIn(...Array.from({ length: 60 }, (_, i) => member(`room ${i}`, 1, 1)));
  assert.equal(asked('join').length, 30);
});

test('who has been shown more rooms than a connection can be in comes by another one, and leaves none', async () => {
  comeIn(...Array.from({ length: 40 }, (_, i) => member(`room ${i}`, 1, 1)), member(SECRET, 1, 1, { kind: 'private' }));
  for (const { room } of asked('join')) await joined(room, messages(1, 1, room));
  for (let i = 30; i < 40; i += 1) {
    session.show(`room ${i}`);
    await joined(`room ${i}`, messages(1, 1));
  }
  session.show(SECRET);
  receive({ type: 'error', id: asked('join').at(-1).id, code: 'too_many_rooms', data: 'No.', room: SECRET });
  await settled();
  assert.equal(world.sockets.length, 2);
  world.socket.open();
  assert.deepEqual(world.socket.sent.map(({ type, room }) => [type, room]), [['connect', undefined], ['join', SECRET]]);
  assert.deepEqual(world.sockets.flatMap(({ sent }) => sent.filter(({ type }) => type === 'leave')), []);
  assert.equal(store.wanted().length, 41);
});

test('unread and mentions are what the server says, then what comes: messages where one is, activity where one is not', async () => {
  comeIn(member('tea', 5, 3, { mentions: 1, title: 'Tea' }), member(DIRECT, 2, 2, { kind: 'direct', people: [ANN, { id: 9, name: '李雷' }] }));
  const [tea, direct] = ['tea', DIRECT].map((key) => store.rooms.get(key));
  assert.deepEqual([tea.unread, tea.mentions, tea.forMe], [2, 1, 1]);
  await joined('tea', messages(1, 5, 'tea'), { read: 3, unread: 2, mentions: 1 });
  receive({ type: 'message', ...message(6, 'hi @Ann', 'Bob', 'tea'), mentions: [7] });
  receive({ type: 'message', ...message(7, 'hi @room', 'Bob', 'tea'), mentions: [0] });
  receive({ type: 'message', ...message(8, 'hi', 'Bob', 'tea'), mentions: [9] });
  assert.deepEqual([tea.unread, tea.mentions], [5, 3]);
  receive({ type: 'activity', room: DIRECT, seq: 4, change: 0, from: '李雷', person: 9, ts: 5, unread: 2, data: '在吗？' });
  assert.deepEqual([direct.unread, direct.forMe], [2, 2]);
  assert.deepEqual(news.at(-1), [DIRECT, '在吗？', 0]);
  receive({ type: 'room', ...member(DIRECT, 5, 2, { kind: 'direct', people: [ANN, { id: 9, name: '李雷' }] }) });
  const activity = { type: 'activity', room: DIRECT, seq: 5, change: 0, from: '李雷', person: 9, ts: 6, unread: 3, data: '喂' };
  for (let twice = 0; twice < 2; twice += 1) receive(activity);
  assert.deepEqual(news.filter(([key]) => key === DIRECT).map(([, text]) => text), ['在吗？', '喂'], 'each once, also right after what is said of the conversation');
  receive({ type: 'message', ...message(9, 'mine, from elsewhere', 'Ann', 'tea'), person: 7 });
  assert.deepEqual([tea.unread, tea.mentions], [0, 0], 'who says something has read what was said before');
});

test('a muted room asks for attention only when one is mentioned', () => {
  const people = [ANN, { id: 9, name: '李雷' }];
  comeIn(member('tea', 5, 3, { mentions: 1, muted: true }), member(DIRECT, 4, 1, { kind: 'direct', people, muted: true }));
  assert.deepEqual(['tea', DIRECT].map((key) => store.rooms.get(key).forMe), [1, 0]);
  receive({ type: 'quiet', room: DIRECT, on: false });
  assert.equal(store.rooms.get(DIRECT).forMe, 3);
});

test('what is read is told: at once, then not too often, and the last word counts; again after a reconnect', async () => {
  memory.room = 'tea';
  comeIn(member('tea', 3, 0));
  await joined('tea', messages(1, 3, 'tea'), { read: 0, unread: 3 });
  const tea = store.rooms.get('tea');
  session.markRead(tea);
  for (const next of messages(4, 6, 'tea')) {
    receive({ type: 'message', ...next });
    session.markRead(tea);
  }
  assert.deepEqual(asked('read').map(({ seq }) => seq), [3]);
  receive({ type: 'read', id: asked('read')[0].id, room: 'tea', seq: 3, unread: 3, mentions: 0 });
  assert.equal(tea.read, 6, 'an answer is of what was told then');
  world.pass(1_500);
  assert.deepEqual(asked('read').map(({ seq }) => seq), [3, 6]);
  world.socket.lose();
  await settled();
  world.pass(1_500);
  welcome(member('tea', 6, 3));
  assert.deepEqual(asked('read').map(({ seq }) => seq), [6]);
  assert.equal(tea.read, 6);
});

test('what is read on another device is read here; what is marked as unread there stays so, though one looks at it', async () => {
  comeIn(member('tea', 5, 0));
  await joined('tea', messages(1, 5, 'tea'), { read: 0, unread: 5 });
  const tea = store.rooms.get('tea');
  receive({ type: 'read', room: 'tea', seq: 5, unread: 0, mentions: 0 });
  assert.equal(tea.unread, 0);
  receive({ type: 'read', room: 'tea', seq: 2, unread: 3, mentions: 1 });
  session.markRead(tea);
  assert.deepEqual([tea.unread, tea.mentions], [3, 1]);
  assert.deepEqual(asked('read'), []);
  receive({ type: 'read', room: 'tea', seq: 5, unread: 0, mentions: 0 });
  receive({ type: 'message', ...message(6, 'hi', 'Bob', 'tea') });
  session.markRead(tea);
  assert.deepEqual(asked('read').map(({ seq }) => seq), [6]);
});

test('a message marked as unread is told as such', async () => {
  comeIn(member('tea', 5, 5));
  await joined('tea', messages(1, 5, 'tea'), { read: 5, unread: 0 });
  const tea = store.rooms.get('tea');
  session.reads.markUnread(tea, 4);
  session.markRead(tea);
  assert.equal(tea.unread, 2);
  assert.deepEqual(asked('read').map(({ seq }) => seq), [3]);
});

test('a message that is marked as unread without a connection is so afterwards, and can be read', async () => {
  comeIn(member('tea', 5, 5));
  await joined('tea', messages(1, 5, 'tea'), { read: 5, unread: 0 });
  const tea = store.rooms.get('tea');
  world.socket.lose();
  await settled();
  session.reads.markUnread(tea, 4);
  world.pass(1_000);
  welcome(member('tea', 5, 5));
  receive({ type: 'resumed', id: asked('resume')[0].id, room: 'tea', complete: true, messages: [], seq: 5, members: ['Ann'], member: true, read: 5, unread: 0, mentions: 0 });
  assert.equal(tea.unread, 2);
  assert.deepEqual(asked('read').map(({ seq }) => seq), [3]);
  receive({ type: 'read', id: asked('read')[0].id, room: 'tea', seq: 3, unread: 2, mentions: 0 });
  session.show('tea');
  session.markRead(tea);
  world.pass(1_500);
  assert.deepEqual([tea.unread, asked('read').map(({ seq }) => seq)], [0, [3, 5]]);
});

test('how far the others have read stands under one\'s own last message that they have', async () => {
  comeIn(member(DIRECT, 3, 3, { kind: 'direct', people: [ANN, { id: 9, name: '李雷' }] }));
  session.show(DIRECT);
  const own = (seq) => ({ ...message(seq, `mine ${seq}`, 'Ann', DIRECT), person: 7 });
  await joined(DIRECT, [own(1), own(2), own(3)], { read: 3, unread: 0, reads: [{ person: 9, seq: 1 }] });
  const room = store.rooms.get(DIRECT);
  const seen = () => timeline(room, [], 'Ann', { self: ANN, reads: [{ name: '李雷', seq: room.reads.get(9) }] }).filter(({ seenBy }) => seenBy?.length > 0).map(({ seq }) => seq);
  assert.deepEqual(seen(), [1]);
  receive({ type: 'read', room: DIRECT, seq: 3, person: 9 });
  assert.deepEqual(seen(), [3]);
  receive({ type: 'message', ...message(4, '好', '李雷', DIRECT), person: 9 });
  assert.deepEqual(seen(), [], 'an answer says as much');
});

test('who writes is shown for five seconds, or until the message is there; oneself is not', async () => {
  comeIn(member('tea', 0, 0));
  await joined('tea');
  const tea = store.rooms.get('tea');
  receive({ type: 'typing', room: 'tea', from: 'Bob', person: 8 });
  receive({ type: 'typing', room: 'tea', from: '李雷', person: 9 });
  receive({ type: 'typing', room: 'tea', from: 'Ann', person: 7 });
  assert.deepEqual(tea.typing, ['Bob', '李雷']);
  receive({ type: 'message', ...message(1, 'here', 'Bob', 'tea') });
  assert.deepEqual(tea.typing, ['李雷']);
  world.pass(4_000);
  receive({ type: 'typing', room: 'tea', from: '李雷', person: 9 });
  world.pass(4_000);
  assert.deepEqual(tea.typing, ['李雷']);
  world.pass(1_000);
  assert.deepEqual(tea.typing, []);
});

test('who writes says so every three seconds at most, and no answer is waited for', async () => {
  comeIn(member('tea', 0, 0));
  await joined('tea');
  const tea = store.rooms.get('tea');
  for (let i = 0; i < 7; i += 1) {
    session.conversations.typing(tea);
    world.pass(1_000);
  }
  assert.equal(asked('typing').length, 3);
  session.post('tea', 'done');
  receive({ type: 'message', id: asked('message')[0].id, ...message(1, 'done', 'Ann', 'tea') });
  session.conversations.typing(tea);
  world.pass(60_000);
  assert.equal(asked('typing').length, 4);
  assert.equal(world.sockets.length, 1, 'silence is no sign of a dead connection');
});

test('an invitation is in the list at once; who is taken out is told, and shown none in its place', async () => {
  comeIn(member('lobby', 0, 0));
  session.show('lobby');
  await joined('lobby');
  receive({ type: 'room', ...member(SECRET, 3, 3, { kind: 'private', title: 'Budget' }), by: 'Bob' });
  const secret = store.rooms.get(SECRET);
  assert.deepEqual([secret.wanted, secret.invitedBy], [true, 'Bob']);
  session.show(SECRET);
  assert.equal(secret.invitedBy, null);
  await joined(SECRET, messages(1, 3, SECRET), { title: 'Budget' });
  receive({ type: 'membership', room: SECRET, person: { id: 9, name: '李雷' }, member: true, by: 'Bob' });
  assert.deepEqual(secret.persons.map(({ name }) => name), ['李雷']);
  receive({ type: 'gone', room: SECRET });
  assert.equal(store.rooms.has(SECRET), false);
  assert.equal(store.current, null, 'what is being typed goes to nobody else');
  assert.deepEqual([store.problem.code, store.problem.name], ['out_of_room', 'Budget']);
});

test('a room that one leaves without a connection is kept, with what waits for it, and one is told', async () => {
  comeIn(member('tea', 1, 1));
  await joined('tea', messages(1, 1, 'tea'));
  const tea = store.rooms.get('tea');
  session.show('tea');
  world.socket.lose();
  await settled();
  session.post('tea', 'waits');
  await session.leave(tea);
  assert.deepEqual([tea.wanted, tea.problem.about, tea.problem.code, store.current], [true, 'leave', 'unanswered', 'tea']);
  world.pass(1_000);
  welcome(member('tea', 1, 1));
  receive({ type: 'resumed', id: asked('resume')[0].id, room: 'tea', complete: true, messages: [], seq: 1, members: ['Ann'], member: true, read: 1, unread: 0, mentions: 0 });
  assert.equal(tea.problem.about, 'leave', 'that it was not done stays to be read');
  assert.deepEqual(asked('message').map(({ text }) => text), ['waits']);
  const leaving = session.leave(tea);
  receive({ type: 'left', id: asked('leave')[0].id, room: 'tea' });
  await leaving;
  assert.deepEqual([tea.wanted, tea.problem], [false, null]);
});

test('an event that is for everybody changes nothing of how one stands to the room', () => {
  comeIn(member('tea', 5, 3, { muted: true, manage: true, mentions: 1 }));
  receive({ type: 'room', room: 'tea', title: 'Tea time', seq: 5, members: 2, change: 0, topic: 'Green', archived: true });
  const { title, topic, archived, member: isMember, muted, manage, unread, mentions } = store.rooms.get('tea');
  assert.deepEqual([title, topic, archived, isMember, muted, manage, unread, mentions], ['Tea time', 'Green', true, true, true, true, 2, 1]);
});

test('a conversation with people is there or made; who cannot be reached is named as such', async () => {
  comeIn(member('lobby', 0, 0));
  const talking = session.conversations.direct([{ name: '李雷' }, { id: 12, name: 'Bob' }]);
  receive({ type: 'direct', id: asked('direct')[0].id, room: member(DIRECT, 0, 0, { kind: 'direct', title: '', people: [ANN, { id: 9, name: '李雷' }] }) });
  assert.equal(await talking, DIRECT);
  assert.equal(store.rooms.get(DIRECT).wanted, true);
  assert.deepEqual([asked('direct')[0].people, asked('direct')[0].names], [[12], ['李雷']], 'whose number is known is meant by it: others may have the same name');
  const nobody = session.conversations.direct([{ name: 'Nobody' }]);
  receive({ type: 'error', id: asked('direct')[1].id, code: 'no_such_person', data: 'No.' });
  await assert.rejects(nobody, { code: 'not_reachable' });
  assert.equal('people' in asked('direct')[1], false);
  session.conversations.invite(store.room(SECRET), { id: 12, name: 'Bob' });
  session.conversations.invite(store.room(SECRET), { name: 'Bob' });
  assert.deepEqual(asked('invite').map(({ person, name }) => [person, name]), [[12, undefined], [undefined, 'Bob']]);
});

test('who has left is not away any more, unless they are in another room', async () => {
  comeIn(member('tea', 0, 0), member('cake', 0, 0));
  for (const key of ['tea', 'cake']) await joined(key, [], { members: ['Ann', 'Bob'], people: [{ id: 8, name: 'Bob', presence: 'away' }] });
  receive({ type: 'leave', room: 'tea', from: 'Bob', members: 1 });
  assert.deepEqual([...store.away], ['Bob']);
  receive({ type: 'leave', room: 'cake', from: 'Bob', members: 1 });
  assert.deepEqual([...store.away], []);
});

test('who looks into a private room comes and goes without a word', async () => {
  comeIn(member(SECRET, 0, 0, { kind: 'private' }));
  session.show(SECRET);
  await joined(SECRET);
  receive({ type: 'join', room: SECRET, from: 'Bob', members: 2 });
  receive({ type: 'leave', room: SECRET, from: 'Bob', members: 1 });
  assert.deepEqual(timeline(store.rooms.get(SECRET), [], 'Ann'), []);
});

test('where people are is known by number where they talk directly, and by name elsewhere', async () => {
  const people = [ANN, { id: 9, name: 'Bob', presence: 'online', since: 1 }];
  comeIn(member(DIRECT, 0, 0, { kind: 'direct', title: '', people }), member('tea', 0, 0));
  await joined('tea', [], { members: ['Ann', 'Bob'], people: [{ name: 'Bob', presence: 'away', since: 1 }] });
  assert.deepEqual(store.whereabouts.get(9), { presence: 'online' });
  receive({ type: 'presence', name: 'Bob', presence: 'online', since: 2 });
  assert.deepEqual([[...store.away], store.whereabouts.get(9).presence], [[], 'online']);
  receive({ type: 'presence', person: 9, name: 'Bob', presence: 'offline', seen_ms: 5 });
  assert.deepEqual(store.whereabouts.get(9), { presence: 'offline', seenMs: 5 });
  assert.equal(store.present().get('Bob'), 'online', 'another one of that name is in the room');
  receive({ type: 'room', ...member(DIRECT, 0, 0, { kind: 'direct', title: '', people: [ANN, { id: 9, name: 'Bob', presence: 'away', since: 6 }] }) });
  assert.deepEqual(store.whereabouts.get(9), { presence: 'away' });
});

test('where nobody has said anything yet nobody is said to be there, and by a name it is known all the same', async () => {
  const people = [ANN, { id: 9, name: 'Bob' }];
  comeIn(member('tea', 0, 0), member(DIRECT, 0, 0, { kind: 'direct', title: '', people }));
  await joined('tea', [], { members: ['Ann', 'Bob'], people: [{ name: 'Bob', presence: 'away', since: 1 }] });
  session.show(DIRECT);
  await joined(DIRECT, [], { members: ['Ann'] });
  for (const { id } of asked('members')) receive({ type: 'members', id, room: DIRECT, people });
  await settled();
  assert.deepEqual([[...store.away], store.whereabouts.get(9)], [['Bob'], undefined]);
  receive({ type: 'message', room: DIRECT, seq: 1, data: 'hi', from: 'Ann', person: 7, ts: 1 });
  receive({ type: 'presence', person: 9, name: 'Bob', presence: 'online', since: 2 });
  assert.deepEqual(store.whereabouts.get(9), { presence: 'online' });
});

test('what comes and goes by a name changes nothing of where people are who are known by number', async () => {
  const bob = { id: 9, name: 'Bob', seen_ms: 5 };
  comeIn(member('tea', 0, 0), member(DIRECT, 0, 0, { kind: 'direct', title: '', people: [ANN, bob] }));
  await joined('tea', [], { members: ['Ann'], people: [] });
  const frames = [
    { type: 'join', room: 'tea', from: 'Bob', members: 2 },
    { type: 'presence', name: 'Bob', presence: 'away', since: 1 },
    { type: 'leave', room: 'tea', from: 'Bob', members: 1 },
  ];
  for (const shown of ['tea', DIRECT]) {
    session.show(shown);
    if (shown === DIRECT) await joined(DIRECT, [], { members: ['Ann'] });
    for (const { id } of asked('members')) receive({ type: 'members', id, room: shown, people: [ANN, bob] });
    await settled();
    for (const frame of frames) {
      receive(frame);
      assert.deepEqual(store.whereabouts.get(9), { presence: 'offline', seenMs: 5 }, `${frame.type}, ${shown}`);
    }
  }
});

test('of a private room that is shown, it is asked again where its members are when a name of theirs is away', async () => {
  comeIn(member(SECRET, 0, 0, { kind: 'private' }));
  session.show(SECRET);
  await joined(SECRET, [], { members: ['Ann', 'Bob'] });
  const answer = (presence) => receive({ type: 'members', id: asked('members').at(-1).id, room: SECRET, people: [ANN, { id: 9, name: 'Bob', presence, since: 1 }] });
  answer('online');
  await settled();
  const before = asked('members').length;
  for (const name of ['Bob', 'Bob', 'Cy']) receive({ type: 'presence', name, presence: 'away', since: 2 });
  world.pass(2_000);
  assert.equal(asked('members').length, before + 1, 'once for many');
  answer('away');
  await settled();
  assert.deepEqual(store.whereabouts.get(9), { presence: 'away' });
  receive({ type: 'presence', name: 'Cy', presence: 'away', since: 2 });
  world.pass(2_000);
  assert.equal(asked('members').length, before + 1, 'not for somebody else');
});
