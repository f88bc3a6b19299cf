/** Very long lists: only what is near the visible part is in the document, and everything can be reached. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { until } from '../support/browser.js';
import { Fixture } from '../support/fixture.js';

const MESSAGES = 10_000;
const PEOPLE = 5_000;
const ROOMS = 1_000;

/** The most rows of a list that are in the document: some seven screens, and what has the focus. */
const ROWS_MAX = 300;

const fixture = new Fixture();
let ann;

const rows = (selector) => ann.page.locator(selector).count();
const drawn = () => ann.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));

/** Whether rows fill the visible part of a list, from its upper to its lower edge. */
const isFilled = (scroller, row) => ann.page.locator(scroller).evaluate((e, selector) => {
  const { top, bottom } = e.getBoundingClientRect();
  const edges = [...e.querySelectorAll(selector)].map((each) => each.getBoundingClientRect());
  return edges.some((edge) => edge.top <= top + 80) && edges.some((edge) => edge.bottom >= bottom - 80);
}, row);

test(`${MESSAGES} messages are scrolled through from the newest to the first`, async (t) => {
  const room = 'long';
  const bob = await fixture.client('Bob');
  await bob.ask({ type: 'create', room });
  await bob.join(room);
  await bob.askAll(Array.from({ length: MESSAGES }, (_, i) => ({ type: 'message', room, text: `${i + 1}: ${'words and 字 '.repeat((i * 7) % 20)}`.trim() })));
  ann = await fixture.sitDown('Ann', { hash: `#${room}` });
  // In the page itself: many steps, and each as soon as the one before is drawn.
  const found = await ann.page.locator('.scroller').evaluate(async (scroller) => {
    const seen = new Set();
    const result = { rowsMax: 0, elementsMax: 0, frames: 0, slow: 0, empty: 0 };
    new PerformanceObserver((list) => { result.slow += list.getEntries().length; }).observe({ type: 'longtask' });
    const drawn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    while (!seen.has(1)) {
      scroller.scrollTop -= scroller.clientHeight * 2;
      await drawn();
      const messages = [...scroller.querySelectorAll('.message')];
      for (const { dataset } of messages) seen.add(Number(dataset.seq));
      const { top, bottom } = scroller.getBoundingClientRect();
      result.empty += messages.some((li) => li.getBoundingClientRect().top < bottom && li.getBoundingClientRect().bottom > top) ? 0 : 1;
      result.rowsMax = Math.max(result.rowsMax, messages.length);
      result.elementsMax = Math.max(result.elementsMax, document.querySelectorAll('*').length);
      result.frames += 1;
    }
    return { ...result, seen: seen.size };
  });
  t.diagnostic(JSON.stringify(found));
  assert.equal(found.seen, MESSAGES, 'every message was in the document once');
  assert.ok(found.rowsMax <= ROWS_MAX, `${found.rowsMax} messages in the document`);
  assert.ok(found.elementsMax <= 4_000, `${found.elementsMax} elements`);
  assert.equal(found.empty, 0, 'there is always something to see');
});

test(`a list of ${PEOPLE} people`, async () => {
  ann = await fixture.open();
  await ann.page.routeWebSocket(/\/ws$/, (socket) => {
    const upstream = socket.connectToServer();
    upstream.onMessage((text) => {
      const frame = JSON.parse(text);
      if (frame.type === 'joined') {
        frame.members.push(...Array.from({ length: PEOPLE - 1 }, (_, i) => `Person ${String(i + 1).padStart(4, '0')}`));
        frame.member_count = PEOPLE;
      }
      socket.send(JSON.stringify(frame));
    });
  });
  await ann.page.reload();
  await ann.comeIn('Ann');
  await ann.page.locator('.people-panel h2', { hasText: '5,000' }).waitFor();
  assert.ok(await rows('.person') <= ROWS_MAX, `${await rows('.person')} rows`);
  const scroller = ann.page.locator('people-list .panel-scroll');
  for (const part of [0.3, 0.6, 1]) {
    await scroller.evaluate((e, at) => { e.scrollTop = (e.scrollHeight - e.clientHeight) * at; }, part);
    await until(`the list is filled at ${part}`, () => isFilled('people-list .panel-scroll', '.person'));
    assert.ok(await rows('.person') <= ROWS_MAX);
  }
  const last = ann.page.locator('.person', { hasText: 'Person 4999' });
  await last.waitFor();
  assert.equal(await last.getAttribute('aria-posinset'), String(PEOPLE));
  assert.equal(await last.getAttribute('aria-setsize'), String(PEOPLE));
  // By keyboard
  await scroller.focus();
  await ann.page.keyboard.press('Home');
  await ann.page.locator('.person', { hasText: 'Ann' }).waitFor();
  assert.equal(await ann.page.locator('.person').first().getAttribute('aria-posinset'), '1');
});

test(`a list of ${ROOMS} rooms`, async () => {
  const bob = await fixture.client('Bob');
  const there = (await bob.ask({ type: 'rooms' })).rooms.length;
  await bob.askAll(Array.from({ length: ROOMS - there }, (_, i) => ({ type: 'create', room: `Room ${String(i + 1).padStart(4, '0')}` })));
  ann = await fixture.open();
  await ann.comeIn('Ann');
  await ann.page.locator('[data-room=room-0001]').waitFor();
  assert.ok(await rows('.room') <= ROWS_MAX, `${await rows('.room')} rows`);
  assert.equal(await ann.page.locator('.room[tabindex="0"]').count(), 1, 'Tab leads to one of them');
  await ann.page.locator('[data-room=lobby]').focus();
  const focused = () => ann.page.evaluate(() => document.activeElement.dataset.room);
  for (const [key, expected] of [['ArrowDown', 'long'], ['ArrowDown', 'room-0001'], ['PageDown', 'room-0011'], ['End', `room-0${ROOMS - there}`], ['ArrowUp', `room-0${ROOMS - there - 1}`]]) {
    if (there === 1 && expected === 'long') continue;
    await ann.page.keyboard.press(key);
    await until(`${key} leads to ${expected}`, async () => await focused() === expected);
  }
  await drawn();
  assert.ok(await rows('.room') <= ROWS_MAX, `${await rows('.room')} rows`);
  const { set, position, visible } = await ann.page.evaluate(() => {
    const li = document.activeElement.closest('li');
    const { top, bottom } = document.activeElement.getBoundingClientRect();
    return { set: li.getAttribute('aria-setsize'), position: li.getAttribute('aria-posinset'), visible: top >= 0 && bottom <= innerHeight };
  });
  assert.equal(Number(set), ROOMS - 1, 'all but the one that she is in');
  assert.equal(Number(position), ROOMS - 2);
  assert.ok(visible);
  await ann.page.keyboard.press('Enter');
  await ann.page.locator('.room-title', { hasText: `Room 0${ROOMS - there - 1}` }).waitFor();
  await ann.joined();
});
