/** What is unread, who is meant, who writes, who has seen it: on every device of a person the same. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { until } from '../support/browser.js';
import { Fixture, fresh } from '../support/fixture.js';
import { CAN_RESTART } from '../support/server.js';

const fixture = new Fixture();

const sitDown = (name, options) => fixture.sitDown(name, options);

/** Somebody in a new room. */
async function host(name, title) {
  const client = await fixture.client(name, { session: true });
  const { room } = await client.ask({ type: 'create', room: title });
  await client.join(room);
  return { client, key: room };
}

const badge = ({ page }, key) => page.locator(`[data-room="${key}"] .badge`);
const titleBegins = ({ page }, text) => until(`the title begins with ${text}`, async () => (await page.title()).startsWith(text));

test('two devices of one person agree on what is unread, whichever of them it is read on', async () => {
  const name = fresh('Ann');
  const { client: bob, key } = await host(fresh('Bob'), fresh('Tea'));
  const one = await sitDown(name);
  await one.enter(key);
  await one.enter('lobby');
  const other = await sitDown('', { as: one, phone: true });
  await bob.say(key, 'one', `@${name} two`, 'three');
  for (const person of [one, other]) await until('a mention is marked as such', async () => (await badge(person, key).first().textContent())?.includes('@1'));
  for (const person of [one, other]) await titleBegins(person, '(1) ');
  await one.enter(key);
  for (const person of [one, other]) await badge(person, key).waitFor({ state: 'detached' });
  await until('the title is quiet again', async () => (await other.page.title()).startsWith('Lobby'));
  await bob.say(key, 'not for her');
  await one.stored('not for her');
  await until('what is read at once is not unread elsewhere', async () => await badge(other, key).count() === 0);
  await one.enter('lobby');
  await bob.say(key, 'for nobody');
  await titleBegins(one, '• ');
  await one.page.reload();
  await one.joined();
  await badge(one, key).getByText('1', { exact: true }).waitFor();
});

test('a message marked as unread is unread on every device, and has its line, until one comes again', async () => {
  const { client: bob, key } = await host(fresh('Bob'), fresh('Tea'));
  const one = await sitDown(fresh('Ann'));
  await one.enter(key);
  await bob.say(key, 'one', 'two', 'three');
  await one.stored('three');
  const other = await sitDown('', { as: one });
  await other.page.locator('[data-room=lobby]').click();
  await one.message('two').hover();
  await one.message('two').locator('.message-more').click();
  await one.page.getByRole('menuitem', { name: 'Mark as unread' }).click();
  await one.page.locator('.new-line + .message', { hasText: 'two' }).waitFor();
  for (const person of [one, other]) await badge(person, key).getByText('2', { exact: true }).waitFor();
  await bob.say(key, 'four');
  for (const person of [one, other]) await badge(person, key).getByText('3', { exact: true }).waitFor();
  await other.enter(key);
  for (const person of [one, other]) await badge(person, key).waitFor({ state: 'detached' });
});

test('the line of what is new stands where one has read to, on whatever device, and stays while one reads', async () => {
  const { client: bob, key } = await host(fresh('Bob'), fresh('Tea'));
  const one = await sitDown(fresh('Ann'));
  await one.enter(key);
  await bob.say(key, 'old');
  await one.stored('old');
  await until('that is known', async () => (await bob.ask({ type: 'rooms' })).type === 'rooms');
  await one.enter('lobby');
  await bob.say(key, ...Array.from({ length: 30 }, (_, i) => `new ${i}`));
  await badge(one, key).getByText('30', { exact: true }).waitFor();
  const other = await sitDown('', { as: one });
  await other.enter(key);
  await other.page.locator('.new-above').click();
  await other.page.locator('.new-line + .message', { hasText: 'new 0' }).waitFor();
  await other.page.locator('.scroller').evaluate((e) => { e.scrollTop = e.scrollHeight; });
  await badge(one, key).waitFor({ state: 'detached' });
  assert.equal(await other.page.locator('.new-line').count(), 1);
});

test('a page that is visible beside another window has read nothing, nor has one under a drawer', async () => {
  const { client: bob, key } = await host(fresh('Bob'), fresh('Tea'));
  const one = await sitDown(fresh('Ann'));
  await one.enter(key);
  const phone = await sitDown('', { as: one, phone: true, hash: `#${key}` });
  await phone.page.locator('.open-rooms').click();
  await one.page.evaluate(() => {
    document.hasFocus = () => false;
    window.dispatchEvent(new Event('blur'));
  });
  await bob.say(key, 'one', 'two');
  for (const person of [one, phone]) await badge(person, key).getByText('2', { exact: true }).waitFor();
  await titleBegins(one, '• ');
  await one.page.locator('.new-line + .message', { hasText: 'one' }).waitFor();
  await phone.page.keyboard.press('Escape');
  for (const person of [one, phone]) await badge(person, key).waitFor({ state: 'detached' });
  await one.page.evaluate(() => { document.hasFocus = () => false; });
  await bob.say(key, 'three');
  await phone.stored('three');
  await until('it is read where somebody looks', async () => await badge(one, key).count() === 0);
});

test('whoever follows a link to a message has read no more than before', async () => {
  const { client: bob, key } = await host(fresh('Bob'), fresh('Tea'));
  const one = await sitDown(fresh('Ann'));
  await one.enter(key);
  await one.enter('lobby');
  for (let i = 0; i < 3; i += 1) await bob.say(key, ...Array.from({ length: 30 }, (_, j) => `message ${i * 30 + j}`));
  await badge(one, key).getByText('90', { exact: true }).waitFor();
  const other = await sitDown('', { as: one, hash: `?m=5#${key}` });
  await other.page.locator('.message.sought[data-seq="5"]').waitFor();
  await other.page.locator('[data-room=lobby]').click();
  await badge(other, key).getByText('90', { exact: true }).waitFor();
  await badge(one, key).getByText('90', { exact: true }).waitFor();
});

test('a muted room is quiet: no number in the title but for mentions, and a paler one in the list', async () => {
  const { client: bob, key } = await host(fresh('Bob'), fresh('Tea'));
  const ann = fresh('Ann');
  const one = await sitDown(ann);
  await one.enter(key);
  await one.page.locator('.open-details').click();
  await one.page.locator('[data-act=mute]').check();
  await one.page.locator(`[data-room="${key}"].muted`).waitFor();
  await one.page.keyboard.press('Escape');
  await one.enter('lobby');
  await bob.say(key, 'psst');
  await one.page.locator(`[data-room="${key}"] .badge.quiet`).waitFor();
  assert.match(await one.page.title(), /^Lobby/);
  await bob.say(key, `psst @${ann}`);
  await titleBegins(one, '(1) ');
});

for (const [language, typed, everybody] of /** @type {const} */ ([['en', 'ei', 'everybody'], ['zh-CN', '雷', '所有']])) {
  test(`after an @ any part of a name offers people, and who is meant sees it: ${language}`, async () => {
    const [ann, lei] = [fresh('Ann'), `${fresh('Lei 李雷')}`];
    const { key } = await host(fresh('Bob'), fresh('Tea'));
    const [one, other] = [await sitDown(ann, { language }), await sitDown(lei, { language: 'zh-CN' })];
    await other.enter(key);
    await other.enter('lobby');
    await one.enter(key);
    await one.box.pressSequentially(`hi @${typed}`);
    await one.page.locator('.completion-option[aria-selected=true]', { hasText: lei }).waitFor();
    await one.page.keyboard.press('Enter');
    assert.equal(await one.box.inputValue(), `hi @${lei} `);
    await one.page.keyboard.press('Enter');
    await until('he is told', async () => (await badge(other, key).textContent().catch(() => ''))?.includes('@1'));
    await other.enter(key);
    await other.page.locator('.message.for-me mark', { hasText: `@${lei}` }).waitFor();
    await one.box.pressSequentially(`@${everybody}`);
    await one.page.locator('.completion-option').waitFor();
    await one.page.keyboard.press('Tab');
    assert.equal((await one.box.inputValue()).trim(), language === 'en' ? '@room' : '@所有人');
    await one.page.keyboard.press('Enter');
    await until('everybody is meant', async () => await other.page.locator('.message.for-me').count() === 2);
    assert.equal(await one.page.locator('.message.own.for-me').count(), 0, 'but oneself is not called by what one says');
  });
}

test('while a name is composed by an input method nothing is offered, and afterwards it is', async () => {
  const li = fresh('李雷');
  const { key } = await host(li, fresh('茶'));
  const one = await sitDown(fresh('王小明'), { language: 'zh-CN' });
  await one.enter(key);
  await one.box.pressSequentially('@');
  const chrome = await one.context.newCDPSession(one.page);
  await chrome.send('Input.imeSetComposition', { text: '雷', selectionStart: 1, selectionEnd: 1 });
  await one.page.locator('.completion').waitFor({ state: 'hidden' });
  await chrome.send('Input.insertText', { text: '雷' });
  await one.page.locator('.completion-option', { hasText: li }).waitFor();
});

for (const language of /** @type {const} */ (['en', 'zh-CN'])) {
  test(`who writes is shown, three names at most, and no longer than they write: ${language}`, async () => {
    const { client: bob, key } = await host(fresh('Bob'), fresh('Tea'));
    const one = await sitDown(fresh('Ann'), { language });
    await one.enter(key);
    const [other] = [await sitDown(fresh('李雷'))];
    await other.enter(key);
    await other.box.pressSequentially('hm');
    const note = one.page.locator('.typing');
    await until('it is said', async () => (await note.textContent())?.match(language === 'en' ? /李雷.* is typing…/ : /李雷.* 正在输入…/));
    assert.equal(await note.getAttribute('aria-live'), 'off');
    await other.page.keyboard.press('Enter');
    await one.stored('hm');
    assert.equal(await note.textContent(), '');
    await bob.tell({ type: 'typing', room: key });
    await until('it is said', async () => (await note.textContent())?.includes('Bob'));
    await until('it is over', async () => await note.textContent() === '');
  });
}

test('in a conversation with somebody it is shown how far they have read', async () => {
  const [ann, li] = [fresh('Ann'), fresh('李雷')];
  const [one, other] = [await sitDown(ann), await sitDown(li, { language: 'zh-CN', phone: true })];
  await one.page.locator('.person-button', { hasText: li }).click();
  await one.page.locator('[data-act=talk]').click();
  await one.page.locator('.room-title', { hasText: li }).waitFor();
  await one.joined();
  await one.say('first');
  await one.stored('first');
  assert.equal(await one.page.locator('.seen').count(), 0);
  await other.page.locator('.open-rooms').click();
  await other.page.locator('.room', { hasText: ann }).click();
  await other.stored('first');
  await one.page.locator('.message', { hasText: 'first' }).locator('.seen', { hasText: 'Seen' }).waitFor();
  await one.say('second');
  await one.page.locator('.message', { hasText: 'second' }).locator('.seen').waitFor();
  assert.equal(await one.page.locator('.seen').count(), 1);
  await other.say('好');
  await one.stored('好');
  await one.page.locator('.seen').waitFor({ state: 'detached' });
});

test('what was read just before the page is closed is read', async () => {
  const { client: bob, key } = await host(fresh('Bob'), fresh('Tea'));
  const one = await sitDown(fresh('Ann'));
  await one.enter(key);
  const other = await sitDown('', { as: one });
  await other.enter('lobby');
  for (const text of ['one', 'two', 'three']) {
    await bob.say(key, text);
    await one.stored(text);
  }
  await one.page.close({ runBeforeUnload: true });
  await bob.say(key, 'four');
  await badge(other, key).getByText('1', { exact: true }).waitFor();
});

test('what is written and not sent is there when the tab was closed', async () => {
  const { key } = await host(fresh('Bob'), fresh('Tea'));
  const one = await sitDown(fresh('Ann'));
  await one.box.fill('half a sent');
  await one.enter(key);
  await one.box.fill('半句话');
  await one.page.close({ runBeforeUnload: true });
  one.page = await one.context.newPage();
  await one.page.goto(`${fixture.server.url}/#${key}`);
  await one.joined();
  assert.equal(await one.box.inputValue(), '半句话');
  await one.enter('lobby');
  assert.equal(await one.box.inputValue(), 'half a sent');
  await one.box.press('Enter');
  await one.page.reload();
  await one.joined();
  assert.equal(await one.box.inputValue(), '');
});

test('two people talk, read and write while the server is reloaded and its processes are killed, and neither page notices', { skip: !CAN_RESTART }, async () => {
  const [ann, li] = [fresh('Ann'), fresh('李雷')];
  const [one, other] = [await sitDown(ann), await sitDown(li, { language: 'zh-CN' })];
  for (const { page } of [one, other]) {
    await page.evaluate(() => {
      window.disconnects = 0;
      new MutationObserver(() => { if (document.querySelector('connection-status[data-loudness]:not([data-loudness=none])') !== null) window.disconnects += 1; })
        .observe(document.querySelector('connection-status'), { attributes: true, subtree: true });
    });
  }
  await one.page.locator('.person-button', { hasText: li }).click();
  await one.page.locator('[data-act=talk]').click();
  await one.page.locator('.room-title', { hasText: li }).waitFor();
  await one.joined();
  const disturbances = [() => fixture.server.reload(), () => fixture.server.crash('hub'), () => fixture.server.crash('worker 0')];
  for (const [i, disturb] of disturbances.entries()) {
    await Promise.all([disturb(), one.say(`@${li} ${i}`)]);
    await one.stored(`@${li} ${i}`);
    await other.page.locator('.room', { hasText: ann }).locator('.badge').waitFor();
    await Promise.all([disturb(), other.page.locator('.room', { hasText: ann }).click()]);
    await other.page.locator('.message.for-me').nth(i).waitFor();
    await one.page.locator('.message', { hasText: `@${li} ${i}` }).locator('.seen').waitFor();
    await other.page.locator('[data-room=lobby]').click();
    await other.joined();
  }
  for (const { page } of [one, other]) assert.equal(await page.evaluate(() => window.disconnects), 0);
});
