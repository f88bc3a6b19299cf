/** Who is there, and when those were there last who are not; who is invited, leaves, and is removed. */

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { Fixture, fresh } from '../support/fixture.js';
import { FOUR_LOOKS } from '../support/looks.js';

/** @import { Person } from '../support/browser.js' */

const FOLDER = process.env.SCREENSHOTS;

const fixture = new Fixture(async () => {
  if (FOLDER) await mkdir(FOLDER, { recursive: true });
});

async function sitDown(name, options) {
  const person = await fixture.open(options);
  // What happens now was some minutes ago for this page, later.
  await person.page.evaluate(() => {
    const { now } = Date;
    window.later = 0;
    Date.now = () => now() + window.later;
  });
  await person.comeIn(name);
  return person;
}

/** Somebody whom the server knows, without a page. */
const knows = (name) => fixture.client(name, { session: true });

/** @param {Person} person @param {number} minutes */
async function pass({ page }, minutes) {
  await page.evaluate((milliseconds) => {
    window.later += milliseconds;
    // It asks the server how everything is, and looks at the clock.
    window.dispatchEvent(new Event('online'));
  }, minutes * 60_000);
}

async function picture({ page }, name) {
  if (FOLDER) await page.screenshot({ path: join(FOLDER, `${name}.png`), animations: 'disabled' });
}

const row = ({ page }, title) => page.locator('.room', { hasText: title });

async function openPanel({ page }, phone, panel) {
  if (phone) await page.locator(`.open-${panel}`).click();
}

async function closePanel({ page }, phone, panel) {
  if (phone) await page.locator(`.close-${panel}`).click();
}

/** An invitation, somebody who leaves by themselves, and one who is removed. */
async function invitations(person, { language, phone, look }, mei, bob) {
  const { page } = person;
  const self = await page.locator('.self-name').textContent();
  const title = fresh('Budget');
  const { room } = await mei.ask({ type: 'create', room: title, private: true });
  await mei.join(room);
  await mei.ask({ type: 'invite', room, name: self });
  const note = page.locator('invitation-note');
  await note.getByText(title).waitFor();
  assert.match((await note.locator('p').textContent()).replace(/[\u2068\u2069]/g, ''), language === 'en' ? /小雨 \d+ invited you to “Budget \d+”/ : /小雨 \d+ 邀请你加入“Budget \d+”/);
  await picture(person, `invited-${look}`);
  await note.locator('.button').click();
  await page.locator('.room-title', { hasText: title }).waitFor();
  await person.joined();
  assert.equal(await note.locator('.invitation').isVisible(), false);
  const { person: cy } = await mei.ask({ type: 'invite', room, name: (await bob.ask({ type: 'connect', text: fresh('Cy') })).name });
  await bob.join(room);
  await bob.ask({ type: 'leave', room });
  const notice = (text) => page.locator('.notice', { hasText: text }).waitFor();
  await notice(language === 'en' ? 'left the room' : '退出了聊天室');
  await mei.say(room, 'Well.');
  await mei.ask({ type: 'invite', room, person: cy.id });
  await mei.say(room, 'Again.');
  await mei.ask({ type: 'remove', room, person: cy.id });
  await notice(language === 'en' ? 'removed' : '移出了聊天室');
  await picture(person, `removed-${look}`);
}

for (const { phone, dark, language, look } of FOUR_LOOKS) {
  test(`whoever one talks with is there, away, or was seen some time ago (${look})`, async () => {
    const [ann, li, mei] = [fresh('Ann'), fresh('李雷'), fresh('小雨')];
    const one = await sitDown(ann, { language, phone, dark });
    const { page } = one;
    const [lei, yu] = [await knows(li), await knows(mei)];
    const { room } = (await lei.ask({ type: 'direct', names: [ann] })).room;
    await lei.join(room);
    await lei.say(room, '在吗？');
    await openPanel(one, phone, 'rooms');
    await row(one, li).locator('[data-presence=online]').waitFor();
    await lei.ask({ type: 'away', away: true });
    await row(one, li).locator('[data-presence=away]').waitFor();
    await row(one, li).click();
    await one.joined();
    await page.locator('.room-count', { hasText: language === 'en' ? 'away' : '离开' }).waitFor();
    await lei.ask({ type: 'away', away: false });
    await page.locator('.room-count', { hasText: language === 'en' ? 'online' : '在线' }).waitFor();
    await lei.leave();
    await page.locator('.room-count', { hasText: language === 'en' ? 'last seen just now' : '刚刚在线' }).waitFor();
    await pass(one, 5.5);
    await page.locator('.room-count', { hasText: language === 'en' ? 'last seen 5 minutes ago' : '5分钟前在线' }).waitFor();
    await openPanel(one, phone, 'people');
    const seen = page.locator('.person', { hasText: li }).locator('.person-lines');
    assert.match(await seen.textContent(), language === 'en' ? /last seen 5 minutes ago/ : /5分钟前在线/);
    await picture(one, `seen-${look}`);
    await page.locator('.person-button', { hasText: li }).click();
    await page.locator('person-menu .tag', { hasText: language === 'en' ? '5 minutes ago' : '5分钟前' }).waitFor();
    await picture(one, `seen-menu-${look}`);
    await page.keyboard.press('Escape');
    await closePanel(one, phone, 'people');
    await openPanel(one, phone, 'rooms');
    assert.equal(await row(one, li).locator('[data-presence=offline]').count(), 1);
    await closePanel(one, phone, 'rooms');
    await invitations(one, { language, phone, look }, yu, await knows(fresh('Bob')));
  });
}

test('of two guests of one name each is where they are', async () => {
  const [ann, name] = [fresh('Ann'), fresh('Bob')];
  const one = await sitDown(ann);
  const [here, gone] = [await knows(name), await knows(name)];
  for (const client of [here, gone]) {
    const { room } = (await client.ask({ type: 'direct', names: [ann] })).room;
    await client.join(room);
    await client.say(room, 'hi');
  }
  await one.page.locator('[data-group=direct] [data-presence=online]').nth(1).waitFor();
  await gone.leave();
  await one.page.locator('[data-group=direct] [data-presence=offline]').waitFor();
  assert.equal(await one.page.locator('[data-group=direct] [data-presence=online]').count(), 1);
  await here.ask({ type: 'away', away: true });
  await one.page.locator('[data-group=direct] [data-presence=away]').waitFor();
  assert.equal(await one.page.locator('[data-group=direct] [data-presence=offline]').count(), 1);
});

test('in a private room guests of one name are two people, each where they are', async () => {
  const [ann, name] = [fresh('Ann'), fresh('Bob')];
  const one = await sitDown(ann);
  const { page } = one;
  const [here, gone] = [await knows(name), await knows(name)];
  const numbers = [];
  for (const client of [here, gone]) numbers.push((await client.ask({ type: 'connect', text: name })).person.id);
  await page.locator('.new-room').click();
  const title = fresh('Party');
  await page.locator('#room-input').fill(title);
  await page.locator('#room-private').check();
  await page.locator('#room-input').press('Enter');
  await one.isIn(title);
  await one.joined();
  const room = decodeURIComponent(new URL(page.url()).hash.slice(1));
  assert.match(room, /^P/);
  await gone.leave();
  // By number: by name they cannot be told apart.
  const maker = await fixture.client(ann, { cookies: await one.context.cookies() });
  for (const id of numbers) assert.equal((await maker.ask({ type: 'invite', room, person: id })).type, 'invited');
  await page.locator('.person', { hasText: name }).nth(1).waitFor();
  await page.locator('.person', { hasText: name }).and(page.locator('[data-presence=online]')).waitFor();
  await page.locator('.person', { hasText: name }).and(page.locator('[data-presence=offline]')).locator('.person-lines', { hasText: 'last seen' }).waitFor();
});

test('of somebody with whom nothing was said yet nothing is claimed, and with the first message it is known', async () => {
  const [ann, name] = [fresh('Ann'), fresh('Bob')];
  const one = await sitDown(ann);
  await knows(name);
  await one.page.getByRole('button', { name: 'New direct message' }).click();
  await one.page.locator('#picker-input').fill(name);
  await one.page.locator('#picker-input').press('Enter');
  await one.page.locator('people-picker button[type=submit]').click();
  await one.isIn(name);
  await one.joined();
  const entry = one.page.locator('[data-group=direct] .room', { hasText: name });
  await entry.locator('[data-presence=unknown]').waitFor();
  assert.equal(await one.page.locator('.room-count').textContent(), '');
  await one.say('hi');
  await entry.locator('[data-presence=online]').waitFor();
  await one.page.locator('.room-count', { hasText: 'online' }).waitFor();
});
