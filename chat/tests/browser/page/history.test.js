/** Long conversations: older messages, the place one reads at, what is new below. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { until } from '../support/browser.js';
import { Fixture, fresh } from '../support/fixture.js';

const WINDOW_MAX = 500;

const fixture = new Fixture();
let bob;
let ann;
let room;
beforeEach(async () => {
  room = fresh('long').replace(' ', '-');
  bob = await fixture.client('Bob');
  await bob.ask({ type: 'create', room });
  await bob.join(room);
});

/** Messages of different heights. */
const text = (i) => `${i}: ${'words and 字 '.repeat((i * 7) % 40)}`.trim();

async function sitDown(held, options = {}) {
  await bob.askAll(Array.from({ length: held }, (_, i) => ({ type: 'message', room, text: text(i + 1) })));
  ann = await fixture.sitDown('Ann', { hash: `#${room}`, ...options });
}

const scroller = () => ann.page.locator('.scroller');
const firstSeq = async () => Number(await ann.page.locator('.message').first().getAttribute('data-seq'));
const lastSeq = async () => Number(await ann.page.locator('.message').last().getAttribute('data-seq'));
const distanceToBottom = () => scroller().evaluate((e) => e.scrollHeight - e.scrollTop - e.clientHeight);

/** Scrolls to so many pixels from the top, or to the end. @param {number} top */
const goesTo = (top) => scroller().evaluate((e, to) => { e.scrollTop = Math.min(to, e.scrollHeight); }, top);

/** Scrolls to a message, page by page. What was seen last is looked at once: between two looks a page may have come. @param {number} seq */
async function goUp(seq) {
  for (let seen = Infinity; seen > seq;) {
    seen = await until(`an older page than that of ${seen} is here`, async () => {
      await goesTo(0);
      const first = await firstSeq();
      return first < seen && first;
    });
  }
}

/** The same the other way. @param {number} seq */
async function goDown(seq) {
  for (let seen = 0; seen < seq;) {
    seen = await until(`a newer page than that of ${seen} is here`, async () => {
      await goesTo(Infinity);
      const last = await lastSeq();
      return last > seen && last;
    });
  }
}

/** Until what was scrolled to is drawn. */
const drawn = () => ann.page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
const seqs = async () => (await ann.conversation()).map(({ seq }) => seq);
const atTheBeginning = async () => await ann.page.locator('.timeline-top[data-state=beginning]').count() > 0;

/** Where the bubble of a message is on the screen. */
const topOf = (seq) => ann.page.locator(`.message[data-seq="${seq}"] .bubble`).evaluate((e) => e.getBoundingClientRect().top);

test('it begins at the newest message', async () => {
  await sitDown(120);
  assert.equal(await lastSeq(), 120);
  assert.ok(await distanceToBottom() < 2);
});

for (const phone of [false, true]) {
  test(`what one reads stays where it is when older messages come: ${phone ? 'phone' : 'desktop'}`, async () => {
    await sitDown(180, { phone });
    while (!await atTheBeginning()) {
      // To where nothing is asked for yet, then in one step closer to the top, and what is read there noted.
      await scroller().evaluate((e) => { e.scrollTop = 1_000; });
      await drawn();
      const { seq, top, height } = await scroller().evaluate((e) => {
        e.scrollTop -= 300;
        const line = e.getBoundingClientRect().top + 40;
        const li = [...e.querySelectorAll('.message')].find((m) => m.querySelector('.bubble').getBoundingClientRect().top > line);
        return { seq: li.dataset.seq, top: li.querySelector('.bubble').getBoundingClientRect().top, height: e.scrollHeight };
      });
      await until('an older page is here', async () => await atTheBeginning() || await scroller().evaluate((e) => e.scrollHeight) > height + 500);
      const moved = Math.abs(await topOf(seq) - top);
      assert.ok(moved <= 1, `moved by ${moved} pixels`);
    }
    assert.deepEqual(await seqs(), Array.from({ length: 180 }, (_, i) => i + 1));
    await ann.page.locator('.timeline-top[data-state=beginning]').waitFor();
  });
}

test('who is at the bottom stays at the bottom', async () => {
  await sitDown(60);
  await bob.say(room, text(61), text(62), 'the newest');
  await ann.stored('the newest');
  await until('it is in view', async () => await distanceToBottom() < 2);
  assert.equal(await ann.page.locator('.pill').isVisible(), false);
});

test('who reads further up stays there, and is told how much is new below', async () => {
  await sitDown(60);
  await scroller().evaluate((e) => { e.scrollTop = e.scrollHeight / 2; });
  await ann.page.locator('.pill').waitFor();
  const { seq, top } = await scroller().evaluate((e) => {
    const li = [...e.querySelectorAll('.message')].find((m) => m.getBoundingClientRect().top > e.getBoundingClientRect().top);
    return { seq: li.dataset.seq, top: li.querySelector('.bubble').getBoundingClientRect().top };
  });
  await bob.say(room, 'new 1', 'new 2', 'new 3');
  await ann.page.locator('.pill', { hasText: '3 new messages' }).waitFor();
  assert.ok(Math.abs(await topOf(seq) - top) <= 1);
  await ann.page.locator('.pill').click();
  await until('the newest is in view', async () => await distanceToBottom() < 2);
  await ann.page.locator('.pill').waitFor({ state: 'hidden' });
});

test('a scroll at the moment in which heights change is not undone', async () => {
  await sitDown(60);
  await goesTo(0);
  await until('one is further up', async () => (await distanceToBottom()) > 1_000);
  for (const top of [Infinity, 300, Infinity]) {
    await scroller().evaluate((e, to) => {
      const first = e.querySelector('.message');
      first.style.paddingBlockEnd = `${(parseFloat(first.style.paddingBlockEnd) || 0) + 30}px`;
      e.scrollTop = Math.min(to, e.scrollHeight);
    }, top);
    await scroller().evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    assert.equal((await distanceToBottom()) < 40, top === Infinity);
  }
});

test('to say something leads to the newest message', async () => {
  await sitDown(60);
  await scroller().evaluate((e) => { e.scrollTop = e.scrollHeight / 3; });
  await ann.page.locator('.pill').waitFor();
  await ann.say('here I am');
  await ann.stored('here I am');
  await until('it is in view', async () => await distanceToBottom() < 2);
});

test('the page holds a bounded number of messages, and loads again what it has dropped, at both ends', async () => {
  await sitDown(700);
  await goUp(1);
  await bob.say(room, 'said meanwhile');
  await goDown(701);
  await ann.stored('said meanwhile');
  await bob.say(room, 'and again');
  await ann.stored('and again');
  await scroller().evaluate((e) => { e.scrollTop = e.scrollHeight / 2; });
  await drawn();
  // Going through it may load one page more at the top.
  const held = await seqs();
  assert.ok(held.length <= WINDOW_MAX, `${held.length}`);
  assert.deepEqual(held, Array.from({ length: held.length }, (_, i) => held[0] + i), 'no gap, nothing twice');
  assert.ok(held[0] > 1, 'the oldest were dropped');
});

test('from far up one can go to the newest message in one step', async () => {
  await sitDown(700);
  await goUp(100);
  await bob.say(room, 'the newest');
  await ann.page.locator('.pill').click();
  await ann.stored('the newest');
  await until('it is in view', async () => await distanceToBottom() < 2);
});

/** How far below the upper edge of the conversation the line of what is new is. */
const lineAt = () => ann.page.locator('.new-line').evaluate((e) => e.getBoundingClientRect().top - e.closest('.scroller').getBoundingClientRect().top);

test('who comes back finds a line where what is new begins, and a way to it', async () => {
  await sitDown(60);
  await ann.page.goto('about:blank');
  await bob.say(room, ...Array.from({ length: 30 }, (_, i) => text(i + 61)));
  await ann.page.goto(`${fixture.server.url}/#${room}`);
  await ann.joined();
  await ann.page.locator('.new-above', { hasText: '30 new messages above' }).click();
  await ann.page.locator('.new-line + .message[data-seq="61"]').waitFor();
  const at = await lineAt();
  assert.ok(at > 0 && at < 300, `${at}`);
  await ann.page.locator('.new-above').waitFor({ state: 'hidden' });
  // It counts as read; whoever leaves the room and comes back finds no line.
  await ann.page.keyboard.press('Escape');
  await until('the newest is in view', async () => await distanceToBottom() < 2);
  assert.equal(await ann.page.locator('.new-line').count(), 0);
});

test('what is new is found also where it begins far above what is loaded', async () => {
  await sitDown(60);
  await ann.page.goto('about:blank');
  await bob.askAll(Array.from({ length: 700 }, (_, i) => ({ type: 'message', room, text: text(i + 61) })));
  await ann.page.goto(`${fixture.server.url}/#${room}`);
  await ann.joined();
  await ann.page.locator('.new-above', { hasText: '700 new messages above' }).click();
  await ann.page.locator('.new-line + .message[data-seq="61"]').waitFor();
  const at = await lineAt();
  assert.ok(at > 0 && at < 300, `${at}`);
  await ann.page.locator('.pill').click();
  await until('the newest is in view', async () => await lastSeq() === 760 && await distanceToBottom() < 2);
});

test('when the window or the box changes its size, the newest message stays in view', async () => {
  await sitDown(60);
  for (const size of [{ width: 700, height: 500 }, { width: 380, height: 800 }, { width: 1280, height: 600 }]) {
    await ann.page.setViewportSize(size);
    await until(`it is in view at ${size.width}×${size.height}`, async () => await distanceToBottom() < 2);
  }
  await ann.box.fill('a\nb\nc\nd\ne\nf');
  await until('it is in view above a higher box', async () => await distanceToBottom() < 2);
  await ann.box.fill('');
  await until('it is in view above a lower box', async () => await distanceToBottom() < 2);
});

test('a newer page that is refused is asked for again where it is missing', async () => {
  await sitDown(200);
  let isRefused = true;
  const asked = [];
  await ann.page.routeWebSocket(/\/ws$/, (socket) => {
    const upstream = socket.connectToServer();
    socket.onMessage((sent) => {
      const { type, id, before } = JSON.parse(String(sent));
      if (type === 'history') asked.push(before);
      if (type === 'history' && before > 50 && isRefused) socket.send(JSON.stringify({ type: 'error', id, room, code: 'busy', data: 'The server is busy.' }));
      else upstream.send(sent);
    });
  });
  await ann.page.goto('about:blank');
  await ann.page.goto(`${fixture.server.url}/?m=1#${room}`);
  await ann.page.locator('.message.sought[data-seq="1"]').waitFor();
  const again = ann.page.getByRole('button', { name: 'Try again' });
  await until('the next page is refused', async () => {
    await goesTo(Infinity);
    return await again.count() > 0;
  });
  const last = await lastSeq();
  const { y: top } = await again.boundingBox();
  assert.ok(top > await topOf(last), 'it is below the last message');
  await goesTo(0);
  await goesTo(Infinity);
  await drawn();
  assert.equal(asked.filter((before) => before > 50).length, 1, 'it is not asked for again unasked');
  isRefused = false;
  await again.click();
  await until('the next page is here', async () => await lastSeq() > last || await again.count() === 0);
  await ann.hasFocus('.scroller');
  await goDown(200);
  assert.equal(await again.count(), 0);
});
