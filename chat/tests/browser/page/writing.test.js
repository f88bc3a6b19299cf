/** The box in which one writes, and what becomes of what is written. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Fixture } from '../support/fixture.js';

const fixture = new Fixture();
let ann;
beforeEach(async () => {
  ann = await fixture.sitDown('Ann');
  const key = `writing-${Date.now()}`;
  await ann.page.locator('.new-room').click();
  await ann.page.locator('#room-input').fill(key);
  await ann.page.locator('#room-input').press('Enter');
  await ann.isIn(key);
  await ann.joined();
});

test('Enter sends and empties the box', async () => {
  await ann.say('hello');
  await ann.stored('hello');
  assert.equal(await ann.box.inputValue(), '');
});

test('Shift+Enter is a new line, which is kept', async () => {
  await ann.box.pressSequentially('one');
  await ann.box.press('Shift+Enter');
  await ann.box.pressSequentially('two');
  assert.equal(await ann.box.inputValue(), 'one\ntwo');
  await ann.box.press('Enter');
  await ann.stored('one\ntwo');
  assert.deepEqual(await ann.messages(), ['one\ntwo']);
});

test('the box grows with what is in it, up to a point, and shrinks again', async () => {
  const height = async () => (await ann.box.boundingBox()).height;
  const empty = await height();
  await ann.box.fill('1\n2\n3');
  const three = await height();
  assert.ok(three > empty + 30, `${empty} → ${three}`);
  await ann.box.fill('x\n'.repeat(200));
  assert.ok(await height() < 300);
  await ann.box.fill('');
  assert.equal(await height(), empty);
});

test('an Enter that takes what an input method composed does not send', async () => {
  await ann.box.focus();
  const chrome = await ann.context.newCDPSession(ann.page);
  await chrome.send('Input.imeSetComposition', { text: 'nihao', selectionStart: 5, selectionEnd: 5 });
  await chrome.send('Input.dispatchKeyEvent', { type: 'rawKeyDown', key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 229 });
  await chrome.send('Input.insertText', { text: '你好' });
  await chrome.send('Input.dispatchKeyEvent', { type: 'keyUp', key: 'Enter', code: 'Enter', windowsVirtualKeyCode: 13 });
  assert.equal(await ann.box.inputValue(), '你好');
  assert.deepEqual(await ann.messages(), []);
  await ann.box.press('Enter');
  await ann.stored('你好');
  assert.deepEqual(await ann.messages(), ['你好']);
});

test('nor does it in the order of Safari: the composition ends, and then comes the Enter', async () => {
  await ann.box.fill('你好');
  await ann.box.evaluate((box) => {
    const key = (type, isComposing, keyCode) => box.dispatchEvent(Object.defineProperty(
      new KeyboardEvent(type, { key: 'Enter', code: 'Enter', bubbles: true, cancelable: true, isComposing }), 'keyCode', { value: keyCode },
    ));
    box.dispatchEvent(new CompositionEvent('compositionstart', { bubbles: true }));
    key('keydown', true, 13);
    box.dispatchEvent(new CompositionEvent('compositionend', { bubbles: true, data: '你好' }));
    key('keydown', false, 13);
    key('keyup', false, 13);
  });
  assert.equal(await ann.box.inputValue(), '你好');
  assert.deepEqual(await ann.messages(), []);
  await ann.box.press('Enter');
  await ann.stored('你好');
});

test('the limit is told when it is near, in characters as people count them, and holds', async () => {
  const count = ann.page.locator('#composer-count');
  await ann.box.fill('👍'.repeat(3700));
  assert.equal(await count.textContent(), '');
  await ann.box.fill('👍'.repeat(3990));
  assert.equal(await count.textContent(), '10 characters left');
  await ann.box.fill('👍'.repeat(4001));
  assert.equal(await count.textContent(), '1 character too long');
  await ann.box.press('Enter');
  assert.deepEqual(await ann.messages(), []);
  await ann.box.fill('👍'.repeat(4000));
  await ann.box.press('Enter');
  await ann.stored('👍'.repeat(4000));
});

test('nothing is sent when there is nothing to send', async () => {
  for (const nothing of ['', ' ', '\n', ' \n\t\n']) {
    await ann.box.fill(nothing);
    await ann.box.press('Enter');
  }
  await ann.say('something');
  await ann.stored('something');
  assert.deepEqual(await ann.messages(), ['something']);
});

const HOSTILE = [
  '<img src=x onerror="window.pwned = true">',
  '<script>window.pwned = true</script>',
  '"><svg/onload=window.pwned=true>',
  'javascript:window.pwned=true',
  '{{constructor.constructor("window.pwned=true")()}}',
  '&lt;b&gt;not bold&lt;/b&gt; &amp;',
  '\u202egnp.exe\u202c right-to-left override',
  '\u2066\u2067\u2068 unclosed isolates',
  'Z̸̡̧̛a͜l̵̨̛g̶̛o̴'.repeat(20),
  '\ufeff\u200b zero width \u200d',
  '𓀀 👩‍👩‍👧‍👦 ﷽',
  `no${'-'.repeat(600)}break${'长'.repeat(300)}`,
  '${7*7} %00 \\u0000 \'; DROP TABLE messages; --',
];

test('whatever is sent is text, and nothing else', async () => {
  const bob = await fixture.sitDown('<b>Bob</b>', { hash: new URL(ann.page.url()).hash });
  for (const text of HOSTILE) {
    await ann.say(text);
    await ann.page.locator('.message[data-seq]').nth(HOSTILE.indexOf(text)).waitFor();
  }
  for (const person of [ann, bob]) {
    await person.page.locator('.message[data-seq]').nth(HOSTILE.length - 1).waitFor();
    assert.deepEqual(await person.messages(), HOSTILE);
    assert.equal(await person.page.locator('.message :is(img, script, b, a, iframe)').count(), 0);
    assert.equal(await person.page.evaluate(() => 'pwned' in window), false);
    const tooWide = await person.page.evaluate(() => document.querySelector('.scroller').scrollWidth - document.querySelector('.scroller').clientWidth);
    assert.equal(tooWide, 0, 'nothing sticks out to the right');
    const isolated = await person.page.locator('.message .text').evaluateAll((all) => all.every((text) => getComputedStyle(text).unicodeBidi.includes('isolate')));
    assert.equal(isolated, true, 'no text turns what is around it');
  }
  await bob.say('my name is text, too');
  await ann.stored('my name is text, too');
  assert.equal(await ann.message('my name is text, too').locator('.author').textContent(), '<b>Bob</b>');
});

test('what is being changed, and what is being answered, stays with its room; the answer for as long as its text', async () => {
  const { page } = ann;
  const away = async () => {
    await page.locator('[data-room=lobby]').click();
    await page.locator('.room-title', { hasText: 'Lobby' }).waitFor();
    assert.equal(await page.locator('.compose-bar').isHidden(), true);
    assert.equal(await ann.box.inputValue(), '');
    await page.goBack();
    await page.locator('.room-title', { hasText: 'writing' }).waitFor();
  };
  await ann.say('one thing');
  await ann.stored('one thing');
  await ann.box.press('ArrowUp');
  await ann.box.fill('another thing');
  await away();
  await page.locator('.compose-bar', { hasText: 'one thing' }).waitFor();
  assert.equal(await ann.box.inputValue(), 'another thing');
  await ann.box.press('Enter');
  await page.locator('.message .edited').waitFor();
  await page.locator('.message .message-more').last().evaluate((button) => button.click());
  await page.locator('.message-menu').getByRole('menuitem', { name: 'Reply' }).click();
  await ann.box.fill('because');
  await away();
  await page.locator('.compose-bar', { hasText: 'another thing' }).waitFor();
  await page.reload();
  await ann.joined();
  await page.locator('.compose-bar', { hasText: 'another thing' }).waitFor();
  assert.equal(await ann.box.inputValue(), 'because');
  await ann.box.press('Enter');
  await page.locator('.message .quote', { hasText: 'another thing' }).waitFor();
  assert.equal(await page.locator('.compose-bar').isHidden(), true);
});

test('another text that is half written outlives a reload, until it is sent, given up, or the message is gone', async () => {
  const { page } = ann;
  const bar = page.locator('.compose-bar');
  const begin = async (text) => {
    await ann.box.press('ArrowUp');
    await bar.waitFor();
    await ann.box.fill(text);
    await page.reload();
    await ann.joined();
    assert.equal(await ann.box.inputValue(), text);
  };
  await ann.say('one thing');
  await ann.stored('one thing');
  await begin('another thing');
  // On another device of the same person it is changed, too.
  const other = await fixture.sitDown('Ann', { hash: new URL(page.url()).hash, as: ann });
  await other.box.press('ArrowUp');
  await other.say('something else');
  await page.locator('.compose-bar', { hasText: 'has changed in the meantime' }).waitFor();
  await page.locator('.compose-bar', { hasText: 'something else' }).waitFor();
  await ann.box.press('Enter');
  await ann.stored('another thing');
  await page.reload();
  await ann.joined();
  assert.deepEqual([await bar.isHidden(), await ann.box.inputValue()], [true, '']);
  await begin('given up');
  await ann.box.press('Escape');
  assert.equal(await bar.isHidden(), true);
  await begin('too late');
  await other.stored('another thing');
  await other.page.locator('.message .message-more').last().evaluate((button) => button.click());
  await other.page.locator('.menu-item.danger').click();
  await other.page.locator('.button.danger').click();
  await bar.waitFor({ state: 'hidden' });
  assert.equal(await ann.box.inputValue(), '');
});

test('what is being written stays with its room', async () => {
  await ann.box.fill('for the new room');
  await ann.page.locator('[data-room=lobby]').click();
  await ann.page.locator('.room-title', { hasText: 'Lobby' }).waitFor();
  assert.equal(await ann.box.inputValue(), '');
  await ann.page.goBack();
  await ann.page.locator('.room-title', { hasText: 'writing' }).waitFor();
  assert.equal(await ann.box.inputValue(), 'for the new room');
});
