/** Somebody's session without a page: the store, what is remembered, and the server's part in the hands of the test. */

import { beforeEach } from 'node:test';

import { Session } from '../../../web/net/session.js';
import { Memory } from '../../../web/state/memory.js';
import { Outbox } from '../../../web/state/outbox.js';
import { Store } from '../../../web/state/store.js';
import { timeline } from '../../../web/state/timeline.js';
import { FakeStorage, FakeWorld, messages } from './fakes.js';

export const LIMITS = { text: 4000, name: 32, room: 48, page: 50 };

// Made anew before each test.
export let world;
export let store;
export let memory;
export let outbox;
export let session;
let local;
let tab;

/** Loads the page, or loads it again: what the browser keeps is still there. */
export function sitDown() {
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

export const lobby = () => store.room('lobby');

/** The messages as they are shown. */
export const texts = (key = 'lobby') => timeline(store.room(key), outbox.of(key), store.name).filter(({ kind }) => kind === 'message').map(({ text, state }) => (state === 'stored' ? text : `${text} (${state})`));

/** The server says welcome, and lets one in wherever one asks. */
export function welcome({ name = 'Ann', held = messages(1, 3), more = false } = {}) {
  const { socket } = world;
  socket.open();
  for (const request of [...socket.sent]) {
    if (request.type === 'connect') socket.receive({ type: 'welcome', id: request.id, name, rooms: [{ room: 'lobby', title: 'Lobby', seq: held.length, members: 2, joined: false }], limits: LIMITS });
    if (request.type === 'join') socket.receive({ type: 'joined', id: request.id, room: request.room, title: 'Lobby', messages: held, more, seq: held.at(-1)?.seq ?? 0, members: ['Ann', 'Bob'] });
  }
}

export function comeIn(options) {
  session.show('lobby');
  session.callMe('Ann');
  welcome(options);
}
