/** What can be done with a message, by pointer, keyboard and finger. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { until } from '../support/browser.js';
import { Fixture, fresh } from '../support/fixture.js';

const fixture = new Fixture();
let ann;
let bob;
let nameOfBob;
let room;
beforeEach(async () => {
  nameOfBob = fresh('Bob');
  bob = await fixture.client(nameOfBob);
  ({ room } = await bob.ask({ type: 'create', room: fresh('actions') }));
  await bob.join(room);
  ann = await fixture.sitDown(fresh('Ann'), { hash: `#${room}` });
});

const item = (text) => ann.message(text);

async function openMenu(text) {
  await item(text).hover();
  await item(text).locator('.message-more').click();
  return item(text).locator('.message-menu');
}

test('Markdown is shown, and a block of code has a button that copies it', async () => {
  await ann.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await bob.say(room, '**bold** and https://example.com/x');
  await bob.say(room, '```\nlet x = 1 < 2;\n```');
  await ann.page.locator('.text strong', { hasText: 'bold' }).waitFor();
  const link = ann.page.locator('.text a');
  assert.deepEqual([await link.getAttribute('href'), await link.getAttribute('rel')], ['https://example.com/x', 'noopener noreferrer nofollow']);
  await ann.page.locator('.code-block').hover();
  await ann.page.locator('.code-copy').click();
  assert.equal(await ann.page.evaluate(() => navigator.clipboard.readText()), 'let x = 1 < 2;\n');
});

test('an own message is edited by the arrow key, and everybody sees it', async () => {
  await ann.say('frist');
  await ann.stored('frist');
  await ann.box.press('ArrowUp');
  assert.equal(await ann.box.inputValue(), 'frist');
  await ann.box.fill('first');
  await ann.box.press('Enter');
  await ann.stored('first');
  await item('first').locator('.edited').waitFor();
  assert.equal(await ann.box.inputValue(), '');
  const { messages } = await bob.ask({ type: 'history', room });
  assert.equal(messages[0].data, 'first');
});

test('Escape gives an edit up, and what was being written comes back', async () => {
  await ann.say('as it was');
  await ann.stored('as it was');
  await ann.box.fill('a draft');
  const menu = await openMenu('as it was');
  await menu.getByRole('menuitem', { name: 'Edit' }).click();
  assert.equal(await ann.box.inputValue(), 'as it was');
  await ann.box.fill('something else');
  await ann.box.press('Escape');
  assert.equal(await ann.box.inputValue(), 'a draft');
  assert.deepEqual(await ann.messages(), ['as it was']);
});

test('a message is deleted once that was confirmed', async () => {
  await ann.say('a slip');
  await ann.stored('a slip');
  const menu = await openMenu('a slip');
  await menu.getByRole('menuitem', { name: 'Delete' }).click();
  await ann.page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
  await ann.page.locator('.message.deleted', { hasText: 'Message deleted' }).waitFor();
  const { messages } = await bob.ask({ type: 'history', room });
  assert.deepEqual([messages[0].deleted, messages[0].data], [true, '']);
});

test('what somebody else has written can be answered, and the quote follows it', async () => {
  await bob.say(room, 'shall we?');
  const menu = await openMenu('shall we?');
  assert.equal(await menu.getByRole('menuitem', { name: 'Edit' }).count(), 0, 'it is not hers');
  await menu.getByRole('menuitem', { name: 'Reply' }).click();
  await ann.page.locator('.compose-bar', { hasText: nameOfBob }).waitFor();
  await ann.say('we shall');
  await ann.stored('we shall');
  const quote = item('we shall').locator('.quote');
  assert.equal(await quote.locator('.quote-text').textContent(), 'shall we?');
  assert.equal(await ann.page.locator('.compose-bar').isHidden(), true);
  await bob.ask({ type: 'edit', room, seq: 1, text: '*shall* we go?' });
  await until('the quote is as the message is', async () => (await quote.locator('.quote-text').textContent()) === 'shall we go?');
  await quote.click();
  await ann.page.locator('.message.sought[data-seq="1"]').waitFor();
});

test('a quote leads to a message that is far up', async () => {
  await bob.say(room, ...Array.from({ length: 120 }, (_, n) => `line ${n + 1}`));
  await bob.ask({ type: 'message', room, text: 'look there', reply_to: 3 });
  await item('look there').locator('.quote').click();
  await ann.page.locator('.message.sought[data-seq="3"]').waitFor();
  await ann.page.locator('.pill').click();
  await ann.stored('look there');
});

test('reactions are put there and taken away, and counted', async () => {
  await bob.say(room, 'cake!');
  const menu = await openMenu('cake!');
  await menu.getByRole('menuitemcheckbox', { name: 'tada' }).click();
  const chip = item('cake!').locator('.chip');
  await until('it is there', async () => (await chip.textContent()) === '🎉1');
  await bob.ask({ type: 'react', room, seq: 1, emoji: '🎉', on: true });
  await until('both are counted', async () => (await chip.textContent()) === '🎉2');
  assert.match(await chip.getAttribute('aria-label'), /Ann.*Bob/);
  await chip.click();
  await until('hers is gone', async () => (await chip.textContent()) === '🎉1' && (await chip.getAttribute('aria-pressed')) === 'false');
  await ann.page.reload();
  await ann.joined();
  await until('it is stored', async () => (await chip.textContent()) === '🎉1');
});

test('everything is to be had by keyboard', async () => {
  await bob.say(room, 'one');
  await bob.say(room, 'two');
  await item('two').waitFor();
  await ann.page.locator('.scroller').focus();
  await ann.page.keyboard.press('Tab');
  assert.equal(await ann.page.evaluate(() => document.activeElement.closest('.message').dataset.seq), '2');
  await ann.page.keyboard.press('ArrowUp');
  await ann.page.keyboard.press('Enter');
  const menu = item('one').locator('.message-menu');
  await menu.waitFor();
  for (let n = 0; n < 6; n += 1) await ann.page.keyboard.press('ArrowRight');
  await ann.page.keyboard.press('Enter');
  await menu.locator('.emoji-picker').waitFor();
  await ann.page.keyboard.press('ArrowDown');
  await ann.page.keyboard.press('ArrowRight');
  const chosen = await ann.page.evaluate(() => document.activeElement.textContent);
  await ann.page.keyboard.press('Enter');
  await until('it is there', async () => (await item('one').locator('.chip-emoji').allTextContents()).includes(chosen));
  await ann.page.keyboard.press('Enter');
  await menu.waitFor();
  await ann.page.keyboard.press('Escape');
  await menu.waitFor({ state: 'detached' });
  assert.equal(await ann.page.evaluate(() => document.activeElement.className), 'message-more', 'the focus is where it was');
});

test('a menu that is open stays, with its focus, when something happens to its message', async () => {
  await bob.say(room, 'busy');
  const menu = await openMenu('busy');
  await bob.ask({ type: 'react', room, seq: 1, emoji: '👍', on: true });
  await item('busy').locator('.chip').waitFor();
  assert.equal(await menu.isVisible(), true);
  assert.equal(await menu.evaluate((element) => element.contains(document.activeElement)), true);
});

test('the name of an emoji becomes the emoji', async () => {
  await ann.box.pressSequentially('so :thum');
  await ann.page.locator('.completion-option', { hasText: '👍' }).waitFor();
  await ann.box.press('Tab');
  assert.equal(await ann.box.inputValue(), 'so 👍');
  await ann.box.pressSequentially(' :heart:');
  assert.equal(await ann.box.inputValue(), 'so 👍 ❤️');
  await ann.box.pressSequentially(' at 12:30 :zz');
  await ann.box.press('Escape');
  await ann.box.press('Enter');
  await ann.stored('so 👍 ❤️ at 12:30 :zz');
});

test('what was offered for one place is not put into another', async () => {
  const list = ann.page.locator('.completion');
  for (const key of ['End', 'Home']) {
    await ann.box.fill('so  rest of it');
    await ann.box.evaluate((box) => box.setSelectionRange(3, 3));
    await ann.box.pressSequentially(':thum');
    await list.locator('.completion-option', { hasText: '👍' }).waitFor();
    await ann.box.press(key);
    await list.waitFor({ state: 'hidden' });
    assert.equal(await ann.box.inputValue(), 'so :thum rest of it');
  }
  // However fast: the page may not have been told yet where the cursor is.
  await ann.box.evaluate((box) => box.setSelectionRange(8, 8));
  await ann.box.press('b');
  await list.locator('.completion-option', { hasText: '👍' }).waitFor();
  await ann.box.evaluate((box) => {
    box.setSelectionRange(0, 0);
    box.dispatchEvent(new KeyboardEvent('keydown', { key: 'Tab', bubbles: true, cancelable: true }));
  });
  assert.equal(await ann.box.inputValue(), 'so :thumb rest of it');
});

test('a composition is not disturbed by any of it', async () => {
  await ann.say('before');
  await ann.stored('before');
  await ann.box.focus();
  const chrome = await ann.context.newCDPSession(ann.page);
  await ann.box.pressSequentially(':');
  await chrome.send('Input.imeSetComposition', { text: 'xiao', selectionStart: 4, selectionEnd: 4 });
  assert.equal(await ann.page.locator('.completion').isHidden(), true, 'not while it is composed');
  await chrome.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', key: 'ArrowUp', code: 'ArrowUp', windowsVirtualKeyCode: 229 });
  await chrome.send('Input.insertText', { text: '笑' });
  await ann.page.locator('.completion-option').first().waitFor();
  assert.equal(await ann.box.inputValue(), ':笑');
  // The key by which the composition ended is released.
  await ann.page.keyboard.up('Space');
  await ann.box.press('Enter');
  assert.match(await ann.box.inputValue(), /^\p{Emoji}/u);
});

test('a link leads to its message', async () => {
  await bob.say(room, ...Array.from({ length: 70 }, (_, n) => `line ${n + 1}`));
  await ann.page.goto(`${fixture.server.url}/?m=2#${room}`);
  await ann.page.locator('.message.sought[data-seq="2"]').waitFor();
  assert.equal(new URL(ann.page.url()).search, '', 'and is not in the address any more');
});

test('an edit that the server refuses is said to be so, and can be given up', async () => {
  await bob.say(room, 'not hers');
  await item('not hers').waitFor();
  await ann.page.evaluate((key) => document.querySelector('chat-frame').chat.session.changes.edit({ room: key, seq: 1 }, 'hers'), room);
  const failure = ann.page.locator('.message[data-seq="1"] .failure');
  await failure.getByText('Not changed. Only whoever sent a message can change it.').waitFor();
  assert.deepEqual(await ann.messages(), ['hers']);
  await failure.getByRole('button', { name: 'Send again' }).click();
  await failure.getByRole('button', { name: 'Discard' }).click();
  await failure.waitFor({ state: 'detached' });
  assert.deepEqual(await ann.messages(), ['not hers']);
});

test('a finger that stays on a message opens the menu at the foot of the screen', async () => {
  const carl = await fixture.sitDown(fresh('Carl'), { hash: `#${room}`, phone: true });
  await bob.say(room, 'press me');
  const text = carl.message('press me').locator('.text');
  const { x, y } = await text.boundingBox();
  const chrome = await carl.context.newCDPSession(carl.page);
  await chrome.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x: x + 5, y: y + 5 }] });
  const menu = carl.page.locator('.message-menu');
  await menu.waitFor();
  await chrome.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  const box = await menu.boundingBox();
  assert.ok(Math.abs(box.y + box.height - 844) < 2 && box.width > 380, JSON.stringify(box));
});
