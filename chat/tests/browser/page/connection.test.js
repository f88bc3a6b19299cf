/** The connection is lost, and comes back; nothing that was said is lost, nothing is shown twice. */

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { until } from '../support/browser.js';
import { Fixture, fresh } from '../support/fixture.js';
import { Proxy } from '../support/proxy.js';
import { RawClient } from '../support/raw-client.js';
import { CAN_RESTART } from '../support/server.js';

const fixture = new Fixture();
let proxy;
let ann;
let room;
beforeEach(async () => {
  proxy = await Proxy.start(fixture.server.port);
  room = fresh('away').replace(' ', '-');
  const founder = await connect('Founder');
  await founder.ask({ type: 'create', room });
  await founder.leave();
});
afterEach(() => proxy.stop());

/** Somebody else, who is connected to the server itself, and leaves before it is killed. @param {string} name */
const connect = (name) => RawClient.connect(fixture.browser, fixture.server.url, name);

async function sitDown(options = {}) {
  ann = await fixture.sitDown('Ann', { url: proxy.url, hash: `#${room}`, mayLoseConnection: true, ...options });
  await watchForDoubles(ann);
}

/** Notes every text that stands in the conversation more than once, if only for a moment. */
function watchForDoubles(person) {
  return person.page.evaluate(() => {
    window.doubles = [];
    new MutationObserver(() => {
      const texts = [...document.querySelectorAll('.message .text')].map((text) => text.textContent);
      window.doubles.push(...texts.filter((text, i) => texts.indexOf(text) !== i));
    }).observe(document.querySelector('.timeline'), { childList: true, subtree: true });
  });
}

const doubles = (person) => person.page.evaluate(() => window.doubles);
const loudness = (person, value) => person.page.locator(`connection-status[data-loudness=${value}]`).waitFor({ state: 'attached', timeout: 60_000 });

async function meanwhile(...texts) {
  const bob = await connect('Bob');
  await bob.join(room);
  await bob.askAll(texts.map((text) => ({ type: 'message', room, text })));
  await bob.leave();
}

test('what was said while one was away is shown once, in order, and what one wrote meanwhile is sent', async () => {
  await sitDown();
  await ann.say('before');
  await ann.stored('before');
  proxy.cut();
  await loudness(ann, 'note');
  await ann.say('written while away');
  await ann.page.locator('.message.waiting').waitFor();
  await meanwhile('missed 1', 'missed 2', '错过的 3');
  proxy.mend();
  await ann.stored('written while away');
  assert.deepEqual(await ann.messages(), ['before', 'missed 1', 'missed 2', '错过的 3', 'written while away']);
  await loudness(ann, 'none');
  assert.deepEqual(await doubles(ann), []);
});

test('a message whose confirmation was lost is not doubled', async () => {
  await sitDown();
  await ann.say('before');
  await ann.stored('before');
  // The server hears the message, but what it answers is lost.
  await ann.page.evaluate(() => {
    const { send } = WebSocket.prototype;
    WebSocket.prototype.send = function (data) {
      if (JSON.parse(data).type === 'message') this.onmessage = () => {};
      send.call(this, data);
    };
    window.restore = () => { WebSocket.prototype.send = send; };
  });
  await ann.say('heard, not confirmed');
  const bob = await connect('Bob');
  await until('the server has the message', async () => (await bob.join(room)).messages.some(({ data }) => data === 'heard, not confirmed'));
  await bob.leave();
  await ann.page.evaluate(() => window.restore());
  proxy.cut();
  await loudness(ann, 'note');
  proxy.mend();
  await until('it is confirmed', async () => await ann.page.locator('.message.waiting, .message.sent').count() === 0);
  await loudness(ann, 'none');
  assert.deepEqual(await ann.messages(), ['before', 'heard, not confirmed']);
  assert.deepEqual(await doubles(ann), []);
  await ann.page.reload();
  await ann.joined();
  assert.deepEqual(await ann.messages(), ['before', 'heard, not confirmed'], 'the server has it once, too');
});

test('unsent messages outlive a reload of the page', async () => {
  await sitDown();
  proxy.cut();
  await loudness(ann, 'note');
  await ann.say('kept');
  await ann.page.locator('.message.waiting').waitFor();
  proxy.mend();
  await ann.page.reload();
  await ann.stored('kept');
  assert.deepEqual(await ann.messages(), ['kept']);
});

test('a loss that lasts is a banner, with a way to try at once', async () => {
  await sitDown({ language: 'zh-CN' });
  proxy.cut();
  await loudness(ann, 'note');
  await ann.page.getByText('正在重新连接').waitFor();
  await loudness(ann, 'banner');
  proxy.mend();
  // The next attempt may come by itself before the button is pressed: both are right.
  await ann.page.getByRole('button', { name: '立即重试' }).click({ timeout: 2_000 }).catch(() => {});
  await loudness(ann, 'none');
});

test('who waits is told for how long', async () => {
  ann = await fixture.open({ url: proxy.url, hash: `#${room}`, mayLoseConnection: true });
  await ann.page.addInitScript(() => { Math.random = () => 0.99; }); // the longest waits
  await ann.page.reload();
  await ann.comeIn('Ann');
  proxy.cut();
  await ann.page.locator('.status-next', { hasText: /^Next attempt in \d+ s$/ }).waitFor();
  proxy.mend();
  await loudness(ann, 'none');
});

test('without a network it says so at once, and comes back when the network does', async () => {
  await sitDown();
  proxy.cut();
  await ann.context.setOffline(true);
  await ann.page.getByText('You’re offline').waitFor();
  proxy.mend();
  await ann.context.setOffline(false);
  await loudness(ann, 'none');
  await ann.say('back');
  await ann.stored('back');
});

test('a server that asks to stay away is left alone, until the person wants to come back', async () => {
  let connections = 0;
  ann = await fixture.open({ url: proxy.url, hash: `#${room}`, mayLoseConnection: true });
  await ann.page.routeWebSocket(/\/ws$/, (socket) => {
    connections += 1;
    socket.connectToServer();
    ann.turnAway = () => socket.close({ code: 3500, reason: 'You were signed out.' });
  });
  await ann.page.reload();
  await ann.comeIn('Ann');
  await ann.turnAway();
  await ann.page.getByText('You were signed out.').waitFor();
  assert.equal(connections, 1);
  await ann.page.getByRole('button', { name: 'Connect again' }).click();
  await loudness(ann, 'none');
  assert.equal(connections, 2);
});

if (CAN_RESTART) {
  test('the server is killed and started again: what was said before, and what this page missed, is shown once', async () => {
    await sitDown();
    for (const text of ['one', 'two', '三']) await ann.say(text);
    for (const text of ['one', 'two', '三']) await ann.stored(text);
    await fixture.server.kill();
    await loudness(ann, 'note');
    await ann.say('written while it was down');
    await ann.page.locator('.message.waiting').waitFor();
    proxy.cut();
    await fixture.server.restart();
    await meanwhile('missed 1', 'missed 2');
    proxy.mend();
    await ann.stored('written while it was down');
    assert.deepEqual(await ann.messages(), ['one', 'two', '三', 'missed 1', 'missed 2', 'written while it was down']);
    await loudness(ann, 'none');
    assert.deepEqual(await doubles(ann), []);
  });
}

test('when more was missed than the server gives at once, the newest page is shown, and the rest can be scrolled to', async () => {
  await sitDown();
  await ann.say('before');
  await ann.stored('before');
  proxy.cut();
  await loudness(ann, 'note');
  await meanwhile(...Array.from({ length: 510 }, (_, i) => `missed ${i + 1}`));
  proxy.mend();
  await ann.stored('missed 510');
  const shown = await ann.messages();
  assert.equal(shown.includes('before'), false);
  assert.deepEqual(shown.slice(-2), ['missed 509', 'missed 510']);
  assert.deepEqual(await doubles(ann), []);
});
