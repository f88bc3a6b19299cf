/** Messages are found again, in whatever language they were written, and shown where they stand. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { until } from '../support/browser.js';
import { Fixture } from '../support/fixture.js';
import { RawClient } from '../support/raw-client.js';

let lei;
let ann;
const fixture = new Fixture(async () => {
  lei = await RawClient.connect(fixture.browser, fixture.server.url, '李雷');
  const { room } = await lei.ask({ type: 'create', room: '茶友会' });
  await lei.join(room);
  await lei.join('lobby');
  await lei.say('茶友会', '周六一起喝茶吗？', '喝完茶再吃饭');
  await lei.say('lobby', 'Herr Müller brings **the cake**', 'a teapot for the office', '<img src=x onerror=alert(1)> cake');
  await lei.askAll(Array.from({ length: 180 }, (_, i) => ({ type: 'message', room: 'lobby', text: `line ${i + 1}` })));
  await lei.say('lobby', 'the last word');
});

async function sitDown(options = {}) {
  ann = await fixture.sitDown('Ann', options);
  await ann.stored('the last word');
}

const key = (...keys) => ann.press(...keys);
const hasFocus = (selector) => ann.hasFocus(selector);
const hits = () => ann.page.locator('.hit');
const texts = () => ann.page.locator('.hit-text').allTextContents();
const marked = () => ann.page.locator('.hit-text mark').allTextContents();
const input = () => ann.page.locator('#search-input');

/** What is shown, once it is these. */
async function finds(expected) {
  await until(`found: ${expected}`, async () => JSON.stringify(await texts()) === JSON.stringify(expected));
}

test('two Chinese characters are found where they stand together, and marked', async () => {
  await sitDown({ language: 'zh-CN' });
  await key('Control+Shift+f');
  await hasFocus('#search-input');
  await ann.page.keyboard.insertText('喝茶');
  await finds(['周六一起喝茶吗？']);
  assert.deepEqual(await marked(), ['喝茶']);
  assert.equal(await ann.page.locator('.hit-room').textContent(), '茶友会');
  await input().fill('茶');
  await finds(['喝完茶再吃饭', '周六一起喝茶吗？']);
  await input().fill('没有的东西');
  await ann.page.locator('.search-status', { hasText: '没有找到' }).waitFor();
  assert.equal(await hits().count(), 0);
});

test('accents and case make no difference, and what is found is text', async () => {
  await sitDown();
  await ann.page.locator('.scroller').focus();
  await key('/');
  await hasFocus('#search-input');
  await ann.page.keyboard.type('MULLER');
  await finds(['Herr Müller brings the cake']);
  assert.deepEqual(await marked(), ['Müller']);
  await input().fill('cake');
  await finds(['<img src=x onerror=alert(1)> cake', 'Herr Müller brings the cake']);
  assert.equal(await ann.page.locator('.search img').count(), 0);
  await input().fill('"the cake"');
  await finds(['Herr Müller brings the cake']);
  await input().fill('tea');
  await finds(['a teapot for the office']);
  await input().fill('?!');
  await finds([]);
  await ann.page.locator('.search-status', { hasText: 'Quotation marks' }).waitFor();
});

test('a result leads to the message in its conversation, by keyboard alone', async () => {
  await sitDown();
  await key('Control+Shift+f');
  await ann.page.keyboard.type('muller');
  await hits().first().waitFor();
  await key('ArrowDown');
  await hasFocus('.hit');
  await key('ArrowUp');
  await hasFocus('#search-input');
  await key('ArrowDown', 'Enter');
  await ann.page.locator('.search').waitFor({ state: 'hidden' });
  await ann.page.locator('.message.sought[data-seq="1"]').waitFor();
  await hasFocus('.message[data-seq="1"] .message-more');
  // And from there into another one, which one was not in.
  await key('Control+Shift+f');
  await ann.page.keyboard.type('喝完');
  await finds(['喝完茶再吃饭']);
  await hits().first().click();
  await ann.page.locator('.room-title', { hasText: '茶友会' }).waitFor();
  await ann.page.locator('.message.sought[data-seq="2"]', { hasText: '喝完茶再吃饭' }).waitFor();
  // What was searched for is still there.
  await key('Control+Shift+f');
  assert.equal(await input().inputValue(), '喝完');
  assert.equal(await hits().count(), 1);
  await key('Escape');
  await ann.page.locator('.search').waitFor({ state: 'hidden' });
});

test('filters by conversation, person and day are kept to, and can be cleared at once', async () => {
  const bob = await fixture.client('Bob');
  await bob.join('lobby');
  await bob.say('lobby', 'cake from Bob');
  await sitDown();
  await ann.page.locator('.open-search').click();
  await input().fill('cake');
  await finds(['cake from Bob', '<img src=x onerror=alert(1)> cake', 'Herr Müller brings the cake']);
  await ann.page.locator('#search-from').fill('an');
  const people = () => ann.page.locator('#search-people option').evaluateAll((options) => options.map(({ value }) => value));
  await until('who may be meant is offered', async () => (await people()).includes('Ann') && !(await people()).includes('Bob'));
  await ann.page.locator('#search-from').fill('bob');
  await finds(['cake from Bob']);
  await ann.page.locator('#search-room').selectOption({ label: '茶友会' });
  await finds([]);
  await ann.page.locator('.search .link').click();
  await finds(['cake from Bob', '<img src=x onerror=alert(1)> cake', 'Herr Müller brings the cake']);
  await ann.page.locator('#search-before').fill('2020-01-31');
  await finds([]);
  await ann.page.locator('#search-before').fill('');
  await ann.page.locator('#search-after').fill('2020-01-31');
  await finds(['cake from Bob', '<img src=x onerror=alert(1)> cake', 'Herr Müller brings the cake']);
  // Without a word, all that somebody has said.
  await ann.page.locator('#search-after').fill('');
  await input().fill('');
  await ann.page.locator('#search-from').fill('Bob');
  await finds(['cake from Bob']);
  await bob.leave();
});

test('there is more when one asks for it', async () => {
  await sitDown();
  await ann.page.locator('.open-search').click();
  await input().fill('line');
  await ann.page.locator('.search-status', { hasText: 'The newest 20' }).waitFor();
  assert.equal((await texts())[0], 'line 180');
  await ann.page.locator('.search-more').focus();
  await key('Enter');
  await until('there are forty', async () => await hits().count() === 40);
  assert.equal((await texts())[20], 'line 160');
  await until('one reads on where the new ones begin', () => ann.page.evaluate(() => document.activeElement === document.querySelectorAll('.hit')[20]));
});

test('nothing is searched for while it is being composed', async () => {
  await sitDown({ language: 'zh-CN' });
  await key('Control+Shift+f');
  const sent = [];
  const chrome = await ann.context.newCDPSession(ann.page);
  await chrome.send('Network.enable');
  chrome.on('Network.webSocketFrameSent', ({ response }) => { if (response.payloadData.includes('"search"')) sent.push(response.payloadData); });
  await chrome.send('Input.imeSetComposition', { text: 'he', selectionStart: 2, selectionEnd: 2 });
  await chrome.send('Input.imeSetComposition', { text: 'he cha', selectionStart: 6, selectionEnd: 6 });
  for (const name of ['Enter', 'ArrowDown', 'Escape']) {
    await ann.page.evaluate((pressed) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: pressed, isComposing: true, bubbles: true, cancelable: true })), name);
  }
  assert.equal(await ann.page.locator('.search').isVisible(), true);
  await chrome.send('Input.insertText', { text: '喝茶' });
  await finds(['周六一起喝茶吗？']);
  assert.ok(sent.every((frame) => frame.includes('喝茶')), `${sent}`);
});

test('a day leads to what was said first on it', async () => {
  await sitDown();
  await ann.page.locator('.go-to-date').click();
  await hasFocus('#date-input');
  await key('Enter');
  await ann.page.locator('#date-problem:not(:empty)').waitFor();
  const today = await ann.page.evaluate(() => document.querySelector('#date-input').max);
  await ann.page.locator('#date-input').fill(today);
  await key('Enter');
  await ann.page.locator('.date-dialog').waitFor({ state: 'hidden' });
  await ann.page.locator('.message.sought[data-seq="1"]').waitFor();
});

test('on a phone it fills the screen, and leads back', async () => {
  await sitDown({ phone: true });
  await ann.page.locator('.open-search').click();
  const box = await ann.page.locator('.search').boundingBox();
  assert.deepEqual([box.x, box.width], [0, 390]);
  await input().fill('muller');
  await hits().first().click();
  await ann.page.locator('.message.sought[data-seq="1"]').waitFor();
});
