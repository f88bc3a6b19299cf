import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Connection } from '../../../web/net/connection.js';
import { FakeWorld } from './fakes.js';

let world;
let connection;
let phases;
let frames;
let opened;

beforeEach(() => {
  world = new FakeWorld();
  phases = [];
  frames = [];
  opened = 0;
  connection = new Connection(world.surroundings, {
    onOpen: () => { opened += 1; },
    onFrame: (frame) => frames.push(frame),
    onPhase: () => phases.push(connection.phase),
  });
});

test('it asks for the whole protocol and says when it is open', () => {
  connection.connect();
  assert.equal(world.socket.protocol, 'switchboard.v1');
  world.socket.open();
  assert.equal(opened, 1);
  assert.deepEqual(phases, ['connecting', 'open']);
});

test('a lost connection comes back by itself, after a delay that grows', () => {
  connection.connect();
  for (const delay of [250, 500, 1000, 2000, 4000, 8000, 15000, 15000]) {
    world.socket.lose();
    const before = world.sockets.length;
    world.pass(delay - 1);
    assert.equal(world.sockets.length, before, `not before ${delay} ms`);
    world.pass(1);
    assert.equal(world.sockets.length, before + 1, `after ${delay} ms`);
  }
});

test('a connection that lasted makes the delay small again, one that was lost at once does not', () => {
  connection.connect();
  for (let i = 0; i < 4; i += 1) {
    world.socket.open();
    world.socket.lose(1001);
    world.pass(250 * 2 ** i);
  }
  world.socket.open();
  world.socket.lose();
  world.pass(3_999);
  assert.equal(connection.phase, 'waiting');
  world.pass(1);
  world.socket.open();
  world.pass(5_000);
  world.socket.lose();
  world.pass(250);
  assert.equal(connection.phase, 'connecting');
});

for (const [code, stays] of [[3499, true], [3500, false], [3750, false], [3999, false], [4000, true], [1001, true], [1008, true]]) {
  test(`close code ${code} means ${stays ? 'come back' : 'stay away'}`, () => {
    connection.connect();
    world.socket.open();
    world.socket.lose(code, 'because');
    assert.equal(connection.phase, stays ? 'waiting' : 'stopped');
    world.pass(600_000);
    assert.equal(world.sockets.length > 1, stays);
    if (!stays) assert.equal(connection.stopReason, 'because');
  });
}

test('who was asked to stay away can connect by hand', () => {
  connection.connect();
  world.socket.open();
  world.socket.lose(3500);
  connection.hurry();
  assert.equal(world.sockets.length, 1, 'coming back to the page is no reason');
  connection.connect();
  assert.equal(world.sockets.length, 2);
});

test('when the network is back it does not wait any longer', () => {
  connection.connect();
  world.socket.lose();
  assert.equal(connection.phase, 'waiting');
  connection.hurry();
  assert.equal(connection.phase, 'connecting');
  assert.equal(world.sockets.length, 2);
});

test('a server that does not answer is taken for gone, without its help', () => {
  connection.connect();
  world.socket.open();
  connection.send({ type: 'rooms', id: 'a' });
  const silent = world.socket;
  world.pass(9_999);
  assert.equal(connection.phase, 'open');
  world.pass(1);
  assert.equal(connection.phase, 'waiting');
  assert.equal(silent.closed.code, 3000);
  silent.onclose?.({ code: 1006, reason: '' });
  silent.receive({ type: 'connect', from: 'a ghost' });
  assert.deepEqual(frames, [], 'the old socket has nothing to say any more');
});

test('anything that the server says is an answer', () => {
  connection.connect();
  world.socket.open();
  connection.send({ type: 'rooms', id: 'a' });
  world.pass(9_000);
  world.socket.receive({ type: 'connect', from: 'Bob' });
  world.pass(60_000);
  assert.equal(connection.phase, 'open');
});

test('an attempt that leads nowhere is given up', () => {
  connection.connect();
  world.pass(20_000);
  assert.equal(connection.phase, 'waiting');
});

test('nothing is sent while there is no connection', () => {
  connection.connect();
  assert.equal(connection.send({ type: 'rooms', id: 'a' }), false);
  world.socket.open();
  assert.equal(connection.send({ type: 'rooms', id: 'a' }), true);
  world.socket.lose();
  assert.equal(connection.send({ type: 'rooms', id: 'a' }), false);
});

test('frames that make no sense are skipped and do not end the connection', () => {
  connection.connect();
  world.socket.open();
  for (const nonsense of ['', '{', 'null', '[]', '{"type":7}', '{"type":"from the future"}', '{"type":"message","seq":"x"}']) world.socket.receive(nonsense);
  world.socket.receive({ type: 'connect', from: 'Bob' });
  assert.deepEqual(frames, [{ type: 'connect', from: 'Bob' }]);
});
