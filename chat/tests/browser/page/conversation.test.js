/** Two people talk. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { until } from '../support/browser.js';
import { Fixture } from '../support/fixture.js';

const fixture = new Fixture();

const sitDown = (name, options) => fixture.sitDown(name, options);

/** A room of one's own for each test, whose key is its title. */
let rooms = 0;
async function newRoom(...inIt) {
  rooms += 1;
  const key = `room-${rooms}-${Date.now()}`;
  const founder = await fixture.client('Founder');
  await founder.ask({ type: 'create', room: key });
  await founder.leave();
  for (const person of inIt) await person.enter(key);
  return key;
}

test('each sees what the other says, once, and both in the same order', async () => {
  const [ann, li] = [await sitDown('Ann'), await sitDown('李雷', { language: 'zh-CN' })];
  await newRoom(ann, li);
  const said = [];
  for (let i = 1; i <= 10; i += 1) {
    said.push(`from Ann ${i}`, `李雷说 ${i}`);
    await Promise.all([ann.say(`from Ann ${i}`), li.say(`李雷说 ${i}`)]);
  }
  for (const person of [ann, li]) for (const text of said) await person.stored(text);
  const [atAnn, atLi] = [await ann.messages(), await li.messages()];
  assert.deepEqual(atAnn, atLi);
  assert.deepEqual([...atAnn].sort(), [...said].sort());
});

test('one\'s own messages are marked as one\'s own, those of others carry their name', async () => {
  const [ann, bob] = [await sitDown('Ann'), await sitDown('Bob')];
  await newRoom(ann, bob);
  await ann.say('hello');
  await bob.stored('hello');
  await ann.stored('hello');
  assert.match(await ann.message('hello').getAttribute('class'), /\bown\b/);
  assert.match(await bob.message('hello').getAttribute('class'), /\bother\b/);
  assert.equal(await bob.message('hello').locator('.author').textContent(), 'Ann');
});

test('who comes and who goes is told, quietly, and stands in the list', async () => {
  const ann = await sitDown('Ann');
  const key = await newRoom(ann);
  const bob = await sitDown('Bob');
  await bob.enter(key);
  await ann.page.locator('.notice', { hasText: 'Bob' }).waitFor();
  await ann.page.locator('.person', { hasText: 'Bob' }).waitFor();
  await bob.leave();
  await ann.page.locator('.person', { hasText: 'Bob' }).waitFor({ state: 'detached' });
  await ann.page.locator('.notice', { hasText: 'left' }).waitFor();
});

test('the Chinese page is Chinese, and says so', async () => {
  const li = await sitDown('李雷', { language: 'zh-CN' });
  assert.equal(await li.page.evaluate(() => document.documentElement.lang), 'zh-CN');
  await newRoom(li);
  await li.say('你好，世界。“引号”与……省略号');
  await li.stored('你好，世界。“引号”与……省略号');
  assert.equal(await li.message('你好，世界。“引号”与……省略号').locator('.text').getAttribute('lang'), 'zh-CN');
  assert.match(await li.box.getAttribute('placeholder'), /发消息/);
  const font = await li.page.locator('.text').last().evaluate((element) => getComputedStyle(element).fontFamily);
  assert.match(font, /^"?PingFang SC/);
});

test('the language can be changed, is remembered, and what is being written is kept', async () => {
  const ann = await sitDown('Ann');
  await ann.box.fill('half a sent');
  await ann.page.locator('[data-language=zh-CN]').click();
  await ann.page.locator('.panel-title', { hasText: '我的聊天室' }).waitFor();
  assert.equal(await ann.page.evaluate(() => document.documentElement.lang), 'zh-CN');
  assert.equal(await ann.box.inputValue(), 'half a sent');
  assert.equal(await ann.page.evaluate(() => document.activeElement.dataset.language), 'zh-CN', 'the keyboard stays where it was');
  await ann.page.reload();
  await ann.page.locator('.panel-title', { hasText: '我的聊天室' }).waitFor();
});

test('after a reload one is who one was, where one was, with everything that was said', async () => {
  const ann = await sitDown('Ann');
  const key = await newRoom(ann);
  await ann.say('before the reload');
  await ann.stored('before the reload');
  await ann.page.reload();
  await ann.joined();
  assert.deepEqual(await ann.messages(), ['before the reload']);
  assert.equal(new URL(ann.page.url()).hash, `#${key}`);
  assert.match(await ann.message('before the reload').getAttribute('class'), /\bown\b/);
});

test('the name can be changed, and the new one stands under what is said next', async () => {
  const [ann, bob] = [await sitDown('Ann'), await sitDown('Bob')];
  await newRoom(ann, bob);
  await ann.rename('Anna Karenina');
  await ann.say('it is still me');
  await bob.stored('it is still me');
  assert.equal(await bob.message('it is still me').locator('.author').textContent(), 'Anna Karenina');
});

test('a name that is too long is refused beside the field, in the page\'s language', async () => {
  const person = await fixture.open({ language: 'zh-CN' });
  await person.page.locator('#name-input').fill('长'.repeat(33));
  await person.page.locator('#name-input').press('Enter');
  await person.page.locator('#name-problem', { hasText: '名字太长了' }).waitFor();
  await person.comeIn('长'.repeat(32));
});

test('a room is created, appears for everyone, and cannot be created twice', async () => {
  const [ann, bob] = [await sitDown('Ann'), await sitDown('Bob')];
  const title = `Tea time 茶 ${Date.now()}`;
  await ann.page.locator('.new-room').click();
  await ann.page.locator('#room-input').fill(title);
  await ann.page.locator('#room-input').press('Enter');
  await ann.page.locator('.room-title', { hasText: title }).waitFor();
  await bob.page.locator('.room', { hasText: title }).waitFor();

  await bob.page.locator('.new-room').click();
  await bob.page.locator('#room-input').fill(title);
  await bob.page.locator('#room-input').press('Enter');
  await bob.page.locator('#room-problem', { hasText: 'already' }).waitFor();
  await bob.page.locator('.room-form .link').click();
  await bob.page.locator('.room-title', { hasText: title }).waitFor();
  await bob.joined();
});

test('an address leads to its room; one without a room offers to make it', async () => {
  const ann = await sitDown('Ann');
  const key = await newRoom(ann);
  const bob = await sitDown('Bob', { hash: `#${key}` });
  assert.equal(await bob.page.locator('.room-title').textContent(), key);

  const missing = `missing-${Date.now()}`;
  await bob.page.goto(`${fixture.server.url}/#${missing}`);
  await bob.page.locator('room-state h2', { hasText: missing }).waitFor();
  await bob.page.getByRole('button', { name: 'Create it' }).click();
  await bob.page.locator(`[data-room="${missing}"][aria-current=page]`).waitFor();
});

test('what is unread in another room is counted in the list and in the title, until one looks', async () => {
  const [ann, bob] = [await sitDown('Ann'), await sitDown('Bob')];
  const key = await newRoom(ann, bob);
  await ann.enter('lobby');
  await bob.say('one');
  await bob.say('two');
  const badge = ann.page.locator(`[data-room="${key}"] .badge`);
  await badge.getByText('2', { exact: true }).waitFor();
  await until('the title has a dot', async () => (await ann.page.title()).startsWith('• '));
  await ann.enter(key);
  await badge.waitFor({ state: 'detached' });
  await until('the title is quiet again', async () => !(await ann.page.title()).startsWith('• '));
});

test('a room whose unread count changes while the mouse button is down is entered all the same', async () => {
  const ann = await sitDown('Ann');
  const busy = await newRoom(ann);
  await newRoom(ann);
  const li = await fixture.client('Li');
  await li.join(busy);
  const room = ann.page.locator(`[data-room="${busy}"]`);
  const press = async (part, text) => {
    await room.locator(part).hover();
    await ann.page.mouse.down();
    const shown = await room.textContent();
    await li.say(busy, text);
    await until('the count is shown', async () => await room.textContent() !== shown);
    await ann.page.mouse.up();
    await ann.page.locator(`[data-room="${busy}"][aria-current=page]`).waitFor();
    await ann.enter('lobby');
  };
  await press('.room-name', 'the first');
  await li.say(busy, 'beside');
  await press('.badge', 'one more');
  await li.leave();
});

test('a room that one has left says nothing any more', async () => {
  const [ann, bob] = [await sitDown('Ann'), await sitDown('Bob')];
  const key = await newRoom(ann, bob);
  await ann.page.locator('.leave').click();
  await ann.page.locator('.room-title', { hasText: 'Lobby' }).waitFor();
  await bob.say('is anybody here?');
  await bob.stored('is anybody here?');
  await ann.page.reload();
  await ann.joined();
  await ann.page.locator(`[data-group=others] [data-room="${key}"]`).waitFor();
  assert.equal(await ann.page.locator('.badge').count(), 0);
});
