/** Rooms, private rooms and conversations with people: found, made, changed and left. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { until } from '../support/browser.js';
import { Fixture, fresh } from '../support/fixture.js';

const fixture = new Fixture();

const sitDown = (name, options) => fixture.sitDown(name, options);

/** Somebody whom the server knows, without a page. */
const knows = (name) => fixture.client(name, { session: true });

const row = ({ page }, title, group = '') => page.locator(`${group === '' ? '' : `[data-group=${group}] `}.room`, { hasText: title });

async function createRoom(person, title, { isPrivate = false, topic = '' } = {}) {
  const { page } = person;
  await page.locator('.new-room').click();
  await page.locator('#room-input').fill(title);
  if (topic !== '') await page.locator('#room-topic').fill(topic);
  if (isPrivate) await page.locator('#room-private').check();
  await page.locator('.room-form button[type=submit]').click();
  await person.isIn(title);
  await person.joined();
}

async function openDetails({ page }) {
  await page.locator('.open-details').click();
  await page.locator('room-details dialog[open]').waitFor();
  return page.locator('room-details dialog');
}

async function invite({ page }, name) {
  await page.locator('.invite').click();
  await page.locator('#picker-input').fill(name);
  await page.keyboard.press('Enter');
  await page.locator('.chosen', { hasText: name }).waitFor();
  await page.locator('people-picker button[type=submit]').click();
  await page.locator('people-picker dialog[open]').waitFor({ state: 'detached' });
}

test('a private room has a lock, and only those who are invited see it', async () => {
  const [ann, bob, cy] = [fresh('Ann'), fresh('Bob'), fresh('Cy')];
  const title = fresh('Budget');
  const [one, other, third] = [await sitDown(ann), await sitDown(bob, { language: 'zh-CN' }), await sitDown(cy)];
  await createRoom(one, title, { isPrivate: true, topic: 'Only figures' });
  await row(one, title, 'private').locator('.icon').first().waitFor();
  assert.equal(await one.page.locator('.room-topic').textContent(), 'Only figures');
  await one.say('numbers');
  await invite(one, bob);
  await row(other, title, 'private').locator('.badge').waitFor();
  await row(other, title).click();
  await other.stored('numbers');
  await one.page.locator('.person', { hasText: bob }).waitFor();
  await one.page.locator('.notice', { hasText: bob }).waitFor();
  assert.equal(await row(third, title).count(), 0);
  const { hash } = new URL(one.page.url());
  await third.page.goto(`${fixture.server.url}/${hash}`);
  await third.page.locator('room-state h2', { hasText: 'isn’t open to you' }).waitFor();
});

test('more people can be invited into a private room at once than talk to each other directly', async () => {
  const one = await sitDown(fresh('Ann'));
  await createRoom(one, fresh('Party'), { isPrivate: true });
  const choose = async (name) => {
    await one.page.locator('#picker-input').fill(name);
    await one.page.keyboard.press('Enter');
  };
  await one.page.locator('.invite').click();
  for (let i = 1; i <= 9; i += 1) await choose(`Guest number ${i}`);
  await one.page.locator('.chosen .chip').nth(8).waitFor();
  assert.equal(await one.page.locator('people-picker .problem').textContent(), '');
  await one.page.keyboard.press('Escape');
});

test('who manages a private room takes somebody out of it; they are told, and see it no more', async () => {
  const [ann, bob] = [fresh('Ann'), fresh('Bob')];
  const title = fresh('Budget');
  const [one, other] = [await sitDown(ann), await sitDown(bob)];
  await createRoom(one, title, { isPrivate: true });
  await invite(one, bob);
  await row(other, title).click();
  await other.isIn(title);
  await other.box.fill('for those in here');
  await one.page.locator('.person-button', { hasText: bob }).click();
  await one.page.locator('[data-act=remove]').click();
  await one.page.locator('.act-question', { hasText: title }).getByRole('button', { name: 'Cancel' }).click();
  await until('the focus is where it was', () => one.page.evaluate(() => document.activeElement.dataset.act === 'remove'));
  await one.page.locator('[data-act=remove]').click();
  await one.page.locator('[data-confirm=remove]').click();
  await other.page.locator('.server-problem', { hasText: title }).waitFor();
  await row(other, title).waitFor({ state: 'detached' });
  await other.page.locator('room-state[data-state=none]').waitFor();
  assert.equal(await other.box.isVisible(), false, 'what was being typed goes to nobody else');
  await other.page.locator('room-state').getByRole('button', { name: 'lobby' }).click();
  await other.isIn('Lobby');
  assert.equal(await other.box.inputValue(), '');
  await one.page.locator('.person', { hasText: bob }).waitFor({ state: 'detached' });
});

test('to leave a private room is asked again', async () => {
  const title = fresh('Budget');
  const one = await sitDown(fresh('Ann'));
  await createRoom(one, title, { isPrivate: true });
  await one.page.locator('.leave').click();
  await one.page.locator('room-details', { hasText: 'only come back' }).getByRole('button', { name: 'Cancel' }).click();
  await one.page.keyboard.press('Escape');
  assert.equal(await row(one, title).count(), 1);
  await one.page.locator('.leave').click();
  await one.page.locator('room-details .button.danger').click();
  await row(one, title).waitFor({ state: 'detached' });
  await one.page.reload();
  await one.joined();
  assert.equal(await row(one, title).count(), 0);
});

test('a form that was opened while something else was asked for stays when the answer comes', async () => {
  const title = fresh('Tea');
  const one = await sitDown(fresh('Ann'));
  await createRoom(one, title);
  await one.page.evaluate(() => {
    const { conversations } = document.querySelector('chat-frame').chat.session;
    const mute = conversations.mute.bind(conversations);
    conversations.mute = async (...all) => {
      await new Promise((resolve) => { window.answer = resolve; });
      window.answered = mute(...all);
      return window.answered;
    };
  });
  const details = await openDetails(one);
  await details.locator('[data-act=mute]').check();
  await details.locator('[data-act=edit]').click();
  await details.locator('#details-topic').fill('beans');
  await one.page.evaluate(async () => {
    window.answer();
    await new Promise((resolve) => setTimeout(resolve));
    await window.answered;
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  });
  assert.equal(await details.locator('#details-topic').inputValue(), 'beans');
});

test('a room gets another name and topic, is archived, and is opened again', async () => {
  const title = fresh('Tea');
  const [one, other] = [await sitDown(fresh('Ann')), await sitDown(fresh('Bob'))];
  await createRoom(one, title);
  await row(other, title, 'others').click();
  await other.isIn(title);
  const details = await openDetails(one);
  await details.locator('[data-act=edit]').click();
  await details.locator('#details-name').fill(`${title} time 茶`);
  await details.locator('#details-topic').fill('Green, black, 白茶');
  await details.locator('button[type=submit]').click();
  await other.isIn(`${title} time 茶`);
  await other.page.locator('.room-topic', { hasText: '白茶' }).waitFor();
  await details.locator('[data-act=archive]').click();
  await details.locator('.button.danger').click();
  await other.page.locator('.composer-archived').waitFor();
  assert.equal(await other.box.isVisible(), false);
  await other.page.locator('.fold', { hasText: 'Archived · 1' }).waitFor();
  await row(other, title, 'archived').waitFor();
  await details.locator('[data-act=archive]').click();
  await other.box.waitFor();
  const notHers = await openDetails(other);
  assert.equal(await notHers.locator('[data-act=edit]').count(), 0);
});

test('a person’s menu leads to the conversation with them, and what is said comes to both', async () => {
  const [ann, li] = [fresh('Ann'), fresh('李雷')];
  const [one, other] = [await sitDown(ann), await sitDown(li, { language: 'zh-CN' })];
  await one.page.locator('.person-button', { hasText: li }).click();
  await one.page.locator('[data-act=talk]').click();
  await one.isIn(li);
  await one.joined();
  await one.page.locator('room-state', { hasText: 'conversation with' }).waitFor();
  await one.say('在吗？');
  await row(other, ann, 'direct').locator('.badge.for-me').waitFor();
  await until('it is counted in the title', async () => (await other.page.title()).startsWith('(1) '));
  await row(other, ann).click();
  await other.stored('在吗？');
  await other.say('在');
  await one.stored('在');
  await row(one, li, 'direct').locator('[data-presence=online]').waitFor();
});

test('a conversation with several people is made by their names, and hidden until somebody says something', async () => {
  const [ann, li, mei] = [fresh('Ann'), fresh('李雷'), fresh('韩梅梅')];
  const one = await sitDown(ann);
  const [lei] = [await knows(li), await knows(mei)];
  await one.page.getByRole('button', { name: 'New direct message' }).click();
  for (const name of [li, mei]) {
    await one.page.locator('#picker-input').fill(name);
    await one.page.keyboard.press('Enter');
  }
  assert.equal(await one.page.locator('.chosen li').count(), 2);
  await one.page.locator('people-picker button[type=submit]').click();
  await one.isIn(li);
  await one.isIn(mei);
  await one.joined();
  await one.say('hello both');
  await one.stored('hello both');
  await one.page.locator('.people-panel h2', { hasText: '3' }).waitFor();
  await one.page.locator('.leave', { hasText: 'Hide' }).click();
  await row(one, li).waitFor({ state: 'detached' });
  const key = (await until('he was told', async () => (await lei.received('room')).findLast(({ kind }) => kind === 'direct'))).room;
  await lei.join(key);
  await lei.say(key, 'still here');
  await row(one, li, 'direct').locator('.badge').waitFor();
});

test('who cannot be reached is named', async () => {
  const one = await sitDown(fresh('Ann'));
  await one.page.getByRole('button', { name: 'New direct message' }).click();
  await one.page.locator('#picker-input').fill('Nobody At All');
  await one.page.keyboard.press('Enter');
  await one.page.locator('people-picker button[type=submit]').click();
  await one.page.locator('people-picker .problem', { hasText: 'Nobody on this server' }).waitFor();
});

test('the quick switcher finds private rooms, conversations and people; a person leads to the conversation', async () => {
  const [ann, li] = [fresh('Ann'), fresh('李雷')];
  const title = fresh('Budget');
  const one = await sitDown(ann);
  const lei = await knows(li);
  await lei.join('lobby');
  await one.page.locator('.person', { hasText: li }).waitFor();
  await createRoom(one, title, { isPrivate: true });
  await one.page.keyboard.press('Control+k');
  await one.page.keyboard.type(li);
  await one.page.locator('.switcher-option', { hasText: li }).waitFor();
  await one.page.keyboard.press('Enter');
  await one.isIn(li);
  await one.page.keyboard.press('Control+k');
  await one.page.keyboard.type(title);
  await one.page.keyboard.press('Enter');
  await one.isIn(title);
  await one.page.keyboard.press('Control+k');
  await one.page.keyboard.type(li);
  assert.equal(await one.page.locator('.switcher-option').count(), 1, 'once: the conversation, or the person');
  await one.page.keyboard.press('Enter');
  await one.isIn(li);
});

test('rooms are the person’s: on another device they are there, and what is left here is left there', async () => {
  const title = fresh('Tea');
  const one = await sitDown(fresh('Ann'));
  await createRoom(one, title);
  const other = await sitDown('', { as: one });
  await row(other, title, 'own').waitFor();
  await one.page.locator('.leave').click();
  await one.isIn('Lobby');
  await row(other, title, 'others').waitFor();
});
