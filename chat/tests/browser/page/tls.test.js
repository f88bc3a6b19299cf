/** The chat behind a certificate: the same page, by https and wss. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Person, launch, until } from '../support/browser.js';
import { CAN_RESTART, Server } from '../support/server.js';

const options = { skip: !CAN_RESTART && 'the server is not ours to start' };

let browser, server;
const people = [];

before(async () => {
  if (!CAN_RESTART) return;
  // What the pages ignore of the certificate the browser's service workers would not.
  const trusting = ['--ignore-certificate-errors'];
  [browser, server] = await Promise.all([launch(trusting), Server.start({ tls: true })]);
});

after(async () => {
  await browser?.close();
  await server?.stop();
  for (const person of people) assert.deepEqual(person.complaints, []);
});

async function person(url = server.url) {
  const one = await Person.sitDown(browser, { url });
  people.push(one);
  return one;
}

test('a page that came by https talks by wss', options, async () => {
  assert.match(server.url, /^https:/);
  const ann = await person();
  const sockets = [];
  ann.page.on('websocket', (socket) => sockets.push(socket.url()));
  await ann.page.reload();
  await ann.comeIn('Ann');
  assert.ok(sockets.length > 0 && sockets.every((url) => url.startsWith('wss://')), String(sockets));
  const bob = await (await person()).comeIn('Bob');
  await ann.say('nobody else hears this');
  await bob.stored('nobody else hears this');
  await bob.say('long: ' + 'x'.repeat(1_500));
  await until('the long one is there', async () => (await ann.messages()).some((text) => text.startsWith('long: ')));
});

test('an address without the s leads there, too', options, async () => {
  const page = (await person(server.url.replace('https:', 'http:'))).page;
  assert.match(page.url(), /^https:/);
  await page.locator('#name-input').waitFor();
});

test('a reload of the server is not noticed', options, async () => {
  const cara = await (await person()).comeIn('Cara');
  const sockets = [];
  cara.page.on('websocket', (socket) => sockets.push(socket.url()));
  await server.reload();
  await cara.say('after the reload');
  await cara.stored('after the reload');
  assert.deepEqual(sockets, [], 'no connection was opened anew');
});
