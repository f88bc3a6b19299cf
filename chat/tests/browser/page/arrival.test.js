/** Who comes back reads their conversation one round trip after the page is there; the connection follows, and nothing moves. */

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { until } from '../support/browser.js';
import { Fixture, fresh } from '../support/fixture.js';
import { Proxy } from '../support/proxy.js';

const SOCKETS = /^upgrade: websocket/im;

const fixture = new Fixture();
let proxy;
let bob;
let ann;
let room;
beforeEach(async () => {
  proxy = await Proxy.start(fixture.server.port);
  room = fresh('arrival').replace(' ', '-');
  bob = await fixture.client('Bob', { session: true });
  await bob.ask({ type: 'create', room });
  await bob.join(room);
});
afterEach(() => proxy.stop());

const text = (i) => `${i}: ${'words and 字 '.repeat((i * 7) % 20)}`.trim();

/** @param {number} held so many messages are there */
async function sitDown(held) {
  await bob.askAll(Array.from({ length: held }, (_, i) => ({ type: 'message', room, text: text(i + 1) })));
  ann = await fixture.sitDown('Ann', { url: proxy.url, hash: `#${room}`, mayLoseConnection: true });
}

/** Comes again; the page gets everything but its WebSocket. @param {() => Promise<unknown>} [come] */
async function comeWithoutSocket(come = () => ann.page.reload()) {
  proxy.hold(SOCKETS);
  proxy.requests.length = 0;
  await come();
}

const shown = (seq) => ann.page.locator(`.message[data-seq="${seq}"]`).waitFor();
const isLive = () => ann.page.locator('message-list').evaluate((list) => list.dataset.live === 'true');
const topOf = (selector) => ann.page.locator(selector).evaluate((e) => e.getBoundingClientRect().top);

/** Notes what is there, to see whether it is the same elements later; and every text that stands there twice. */
const remember = () => ann.page.evaluate(() => {
  window.doubles = [];
  window.known = [...document.querySelectorAll('.message[data-seq]')];
  new MutationObserver(() => {
    const texts = [...document.querySelectorAll('.message .text')].map(({ textContent }) => textContent);
    window.doubles.push(...texts.filter((each, i) => texts.indexOf(each) !== i));
  }).observe(document.querySelector('.timeline'), { childList: true, subtree: true });
});
const remembered = () => ann.page.evaluate(() => ({ doubles: window.doubles, remade: window.known.filter((li) => !li.isConnected && document.querySelector(`.message[data-seq="${li.dataset.seq}"]`)).length, known: window.known.length }));

async function letGo() {
  proxy.letGo();
  await ann.joined();
}

test('the conversation is readable after one request, without a WebSocket; what is written meanwhile is sent when there is one', async () => {
  await sitDown(30);
  await ann.say('my own');
  await ann.stored('my own');
  await comeWithoutSocket();
  await ann.stored('my own');
  const asked = proxy.requests.filter((line) => !/ \/(?:\S*\.(?:js|css|svg|png|webmanifest)|ws|)(?:#\S*)? HTTP/.test(line) && !line.includes('/version'));
  assert.deepEqual(asked, [`GET /session?room=${room} HTTP/1.1`], 'one round trip after the page');
  assert.equal(await isLive(), false);
  assert.equal(await ann.page.locator('.room-count').textContent(), '', 'who is there is not known');
  await remember();
  await ann.say('written before the connection');
  await ann.page.locator('.message.waiting').waitFor();
  await bob.say(room, 'meanwhile');
  await letGo();
  await ann.stored('written before the connection');
  await ann.stored('meanwhile');
  assert.deepEqual((await ann.messages()).slice(-3), ['my own', 'meanwhile', 'written before the connection']);
  const { doubles, remade, known } = await remembered();
  assert.deepEqual({ doubles, remade }, { doubles: [], remade: 0 }, 'nothing is made anew, or shown twice');
  assert.ok(known > 5);
  await until('it is at its end', () => ann.page.locator('.scroller').evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight < 2));
});

test('who has begun to read further up stays there when the connection comes, and nothing is read out', async () => {
  await sitDown(45);
  await comeWithoutSocket();
  await shown(45);
  await ann.page.locator('.scroller').evaluate((e) => { e.scrollTop = e.scrollHeight / 2; });
  await ann.page.locator('.pill:not([hidden])').waitFor();
  const seq = await ann.page.locator('.scroller').evaluate((e) => [...e.querySelectorAll('.message')].find((li) => li.getBoundingClientRect().top > e.getBoundingClientRect().top).dataset.seq);
  const selector = `.message[data-seq="${seq}"] .bubble`;
  const before = await topOf(selector);
  await remember();
  await letGo();
  assert.ok(Math.abs(await topOf(selector) - before) <= 1);
  assert.equal((await remembered()).remade, 0);
  assert.equal(await ann.page.locator('message-list [aria-live=polite]').textContent(), '');
});

test('the line of what is new is where it belongs from the beginning, and stays there', async () => {
  await sitDown(10);
  await ann.page.goto('about:blank');
  await bob.say(room, 'new 1', 'new 2');
  await comeWithoutSocket(() => ann.page.goto(`${proxy.url}/#${room}`));
  const line = `.new-line + .message[data-seq="11"]`;
  await ann.page.locator(line).waitFor();
  const before = await topOf(line);
  await letGo();
  assert.ok(Math.abs(await topOf(line) - before) <= 1);
  assert.equal(await ann.page.locator('.new-line').count(), 1);
});

test('a link leads into a room in which one has never been as fast, and a later visit to where one was', async () => {
  await sitDown(3);
  const other = `${room}-other`;
  await bob.ask({ type: 'create', room: other });
  await bob.join(other);
  await bob.say(other, 'over here');
  await comeWithoutSocket(async () => {
    await ann.page.goto('about:blank');
    await ann.page.goto(`${proxy.url}/#${other}`);
  });
  await ann.stored('over here');
  await letGo();
  await ann.page.close();
  ann.page = await ann.context.newPage();
  await comeWithoutSocket(() => ann.page.goto(proxy.url));
  await ann.stored('over here');
  await letGo();
});

test('a private conversation is readable at once, too, and called by its people', async () => {
  await sitDown(1);
  const self = await ann.page.evaluate(async () => (await (await fetch('/session')).json()).person.id);
  const direct = (await bob.ask({ type: 'direct', people: [self] })).room.room;
  await bob.join(direct);
  await bob.say(direct, 'just between us');
  await ann.page.locator(`[data-room="${direct}"]`).click();
  await ann.stored('just between us');
  await comeWithoutSocket();
  await ann.stored('just between us');
  await ann.page.locator('.room-title', { hasText: 'Bob' }).waitFor();
  await letGo();
});

test('who is new is asked for a name at once, whatever the server does', async () => {
  proxy.hold(/^GET \/session/);
  ann = await fixture.open({ url: proxy.url });
  await ann.page.locator('#name-input').waitFor();
  assert.equal(proxy.requests.some((line) => line.includes('/ws')), false);
  proxy.letGo();
  await ann.comeIn('Ann');
});

test('who comes in while it is still being asked who they are is in when that is answered, and once', async () => {
  const sent = (start) => proxy.requests.filter((line) => line.startsWith(start)).length;
  proxy.hold(/^GET \/(session|ws)/);
  ann = await fixture.open({ url: proxy.url });
  await ann.page.locator('#name-input').fill('Ann');
  await ann.page.locator('name-form button[type=submit]').click();
  await ann.page.locator('name-form button[aria-disabled=true]').waitFor();
  await ann.page.evaluate(() => fetch('/version'));
  // As late as it can do harm: who has come in by now is about to be connected.
  await until('there is nothing under way', () => sent('POST /session') === 0 || sent('GET /ws') > 0);
  const answered = ann.page.waitForResponse((response) => response.request().method() === 'GET' && new URL(response.url()).pathname === '/session');
  proxy.letGo(/^GET \/session/);
  await (await answered).finished();
  await until('the page connects', () => sent('GET /ws') > 0);
  proxy.letGo();
  await ann.page.locator('chat-frame').waitFor();
  await ann.joined();
  assert.equal(sent('POST /session'), 1);
  assert.equal(sent('GET /ws'), 1);
});

test('who cannot be told who they are goes on as who they were, and whose session is gone comes as somebody new', async () => {
  await sitDown(2);
  const who = () => ann.page.evaluate(async () => (await (await fetch('/session')).json()).person?.id);
  const before = await who();
  await ann.page.route('**/session?*', (route) => route.abort('connectionreset'));
  await ann.page.reload();
  await ann.joined();
  assert.equal(await who(), before);
  await ann.page.unroute('**/session?*');
  await ann.context.clearCookies();
  await ann.page.reload();
  await until('there is somebody', async () => (await who().catch(() => undefined)) > before);
  await ann.joined();
});
