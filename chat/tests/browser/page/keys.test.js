/** From one conversation to another without a mouse. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { until } from '../support/browser.js';
import { Fixture } from '../support/fixture.js';
import { RawClient } from '../support/raw-client.js';

let bob;
let ann;
const fixture = new Fixture(async () => {
  bob = await RawClient.connect(fixture.browser, fixture.server.url, '李雷');
  for (const room of ['Alpha', 'Beta', 'Tea time 茶', '周末徒步']) {
    const { room: key } = await bob.ask({ type: 'create', room });
    await bob.join(key);
  }
  await bob.join('lobby');
});

const key = (...keys) => ann.press(...keys);
const hasFocus = (selector) => ann.hasFocus(selector);
const isIn = (title) => ann.isIn(title);

async function sitDown(options = {}) {
  ann = await fixture.sitDown('Ann', options);
  await ann.page.locator('[data-room=beta]').waitFor({ state: 'attached' });
}

test('Ctrl+K leads to a room by some letters of its name, and the last ones come first', async () => {
  await sitDown();
  await key('Control+k');
  await hasFocus('#switcher-input');
  await ann.page.keyboard.type('徒');
  await ann.page.locator('.switcher-option[aria-selected=true]', { hasText: '周末徒步' }).waitFor();
  assert.equal(await ann.page.locator('.switcher-option').count(), 1);
  await key('Enter');
  await isIn('周末徒步');
  await hasFocus('#composer-input');

  await key('Control+k');
  await ann.page.keyboard.type('tea');
  await key('Enter');
  await isIn('Tea time 茶');

  await key('Control+k');
  const options = await ann.page.locator('.switcher-option .room-name').allTextContents();
  assert.deepEqual(options.slice(0, 2), ['周末徒步', 'Lobby'], 'the last ones, without the present one');
  await key('ArrowDown', 'Enter');
  await isIn('Lobby');

  await key('Control+k', 'Escape');
  await ann.page.locator('.switcher').waitFor({ state: 'hidden' });
  await hasFocus('#composer-input');
});

test('a person who is mentioned stands where the cursor was', async () => {
  await sitDown();
  await ann.box.focus();
  await ann.page.keyboard.type('hello');
  await ann.page.locator('.person-button', { hasText: '李雷' }).click();
  await ann.page.locator('[data-act=mention]').click();
  await hasFocus('#composer-input');
  assert.equal(await ann.box.inputValue(), 'hello @李雷 ');
});

test('a person who is found, and is no more than a name to the server, cannot be talked to alone', async () => {
  await sitDown();
  await key('Control+k');
  await ann.page.keyboard.type('雷');
  await key('Enter');
  await ann.page.locator('.server-problem', { hasText: 'Nobody on this server' }).waitFor();
});

test('an input method is not disturbed: its keys are its own until it is done', async () => {
  await sitDown({ language: 'zh-CN' });
  await key('Control+k');
  const chrome = await ann.context.newCDPSession(ann.page);
  await chrome.send('Input.imeSetComposition', { text: '徒', selectionStart: 1, selectionEnd: 1 });
  for (const name of ['Enter', 'ArrowDown', 'Escape']) {
    await ann.page.evaluate((pressed) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: pressed, isComposing: true, bubbles: true, cancelable: true })), name);
  }
  assert.equal(await ann.page.locator('.switcher').isVisible(), true);
  await chrome.send('Input.insertText', { text: '徒' });
  await until('the composition has ended, and its last key with it', () => ann.page.evaluate(() => document.querySelector('#switcher-input').value === '徒'));
  await ann.page.keyboard.up('Enter');
  await key('Enter');
  await isIn('周末徒步');
});

test('Alt and the arrow keys lead to the previous and the next room, with Shift to the unread ones', async () => {
  await sitDown();
  for (const room of ['alpha', 'beta', '周末徒步']) {
    await ann.page.locator(`[data-room="${room}"]`).click();
    await ann.joined();
  }
  await key('Alt+ArrowUp');
  await isIn('Beta');
  await key('Alt+ArrowUp');
  await isIn('Alpha');
  await key('Alt+ArrowDown', 'Alt+ArrowDown', 'Alt+ArrowDown');
  await isIn('Lobby');
  await bob.say('beta', 'for Ann');
  await ann.page.locator('[data-room=beta] .badge').waitFor();
  await key('Alt+Shift+ArrowUp');
  await isIn('Beta');
  await hasFocus('#composer-input');
});

test('? shows the keys, but not where one writes', async () => {
  await sitDown();
  await ann.box.focus();
  await ann.page.keyboard.type('why?');
  assert.equal(await ann.box.inputValue(), 'why?');
  assert.equal(await ann.page.locator('.keys').isVisible(), false);
  await ann.page.locator('.scroller').focus();
  await ann.page.keyboard.type('?');
  await ann.page.locator('.keys', { hasText: 'Go to a conversation' }).waitFor();
  await key('Escape');
  await ann.page.locator('.keys').waitFor({ state: 'hidden' });
  await hasFocus('.scroller');
});

test('Escape leads to the newest message, and counts the room as read', async () => {
  await sitDown({ hash: '#alpha' });
  await bob.say('alpha', ...Array.from({ length: 40 }, (_, i) => `line ${i}`));
  await ann.stored('line 39');
  await ann.page.locator('.scroller').evaluate((e) => { e.scrollTop = 0; });
  await ann.page.locator('.pill').waitFor();
  await bob.say('alpha', 'one more');
  await ann.page.locator('.pill', { hasText: '1 new message' }).waitFor();
  await key('Escape');
  await ann.page.locator('.pill').waitFor({ state: 'hidden' });
  await ann.stored('one more');
  assert.equal(await ann.page.locator('.new-line').count(), 0);
  await hasFocus('#composer-input');
});
