/** Who people are: guests who are known again, names that are kept with a password, ways out. Pictures are kept for people to look at. */

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { until } from '../support/browser.js';
import { Fixture, fresh } from '../support/fixture.js';
import { FOUR_LOOKS } from '../support/looks.js';
import { RawClient } from '../support/raw-client.js';
import { CAN_RESTART, Server } from '../support/server.js';

const FOLDER = process.env.SCREENSHOTS ?? fileURLToPath(new URL('../../../../.test/screenshots', import.meta.url));
const PASSWORD = 'correct horse battery';

const fixture = new Fixture(async () => { await mkdir(FOLDER, { recursive: true }); });

async function openSettings({ page }) {
  await page.locator('.self').click();
  await page.locator('settings-panel').waitFor();
}

/** Keeps the name with a password. */
async function claim(person, password = PASSWORD) {
  const { page } = person;
  await openSettings(person);
  await page.locator('account-panel > .button').click();
  await page.locator('#password-new').fill(password);
  await page.locator('#password-new').press('Enter');
}

async function signIn({ page }, name, password) {
  await page.locator('.gate-body > .link').click();
  await page.locator('#account-name').fill(name);
  await page.locator('#account-password').fill(password);
  await page.locator('password-form button[type=submit]').click();
}

test('a guest keeps the name with a password, and signs in with it elsewhere', async () => {
  const [ann, phone] = [await fixture.open(), await fixture.open({ phone: true })];
  const name = fresh('Person');
  await ann.comeIn(name);
  await claim(ann);
  await ann.page.locator('account-panel .hint', { hasText: 'The name is yours' }).waitFor();
  await ann.page.keyboard.press('Escape');
  await ann.say('it is still me');
  await ann.stored('it is still me');

  await phone.page.locator('#name-input').fill(name);
  await phone.page.locator('name-form button[type=submit]').click();
  await phone.page.locator('#name-problem', { hasText: 'belongs to an account' }).waitFor();
  await signIn(phone, name, 'not the password');
  await phone.page.locator('password-form .problem', { hasText: 'don’t match' }).waitFor();
  await phone.page.locator('#account-password').fill(PASSWORD);
  await phone.page.locator('password-form button[type=submit]').click();
  await phone.page.locator('chat-frame').waitFor();
  await phone.joined();
  await phone.say('and from my phone');
  await ann.stored('and from my phone');
  assert.match(await ann.message('and from my phone').getAttribute('class'), /\bown\b/);
  await ann.box.press('ArrowUp');
  await until('it can be changed here, too', async () => (await ann.box.inputValue()) === 'and from my phone');
  await ann.box.fill('and from both');
  await ann.box.press('Enter');
  await phone.stored('and from both');
});

test('who has come in is known after a reload, by the cookie alone', async () => {
  const ann = await fixture.open();
  const name = fresh('Person');
  await ann.comeIn(name);
  await ann.page.evaluate(() => localStorage.clear());
  await ann.page.reload();
  await ann.joined();
  assert.equal(await ann.page.locator('.self-name').textContent(), name);
  assert.equal(await ann.page.evaluate(() => document.cookie), '', 'which no script sees');
});

test('a page of somebody who is signed out elsewhere says so, and lets them in again', async () => {
  const ann = await fixture.open();
  const name = fresh('Person');
  await ann.comeIn(name);
  await claim(ann);
  await ann.page.locator('account-panel .hint', { hasText: 'The name is yours' }).waitFor();
  const other = await ann.context.newPage();
  await other.goto(fixture.server.url);
  await other.locator('chat-frame').waitFor();
  await other.locator('.self').click();
  await other.locator('.settings-exits button').last().click();
  await other.locator('name-gate').waitFor();
  await ann.page.locator('name-gate .problem', { hasText: 'signed out' }).waitFor();
  assert.deepEqual(await ann.page.evaluate(() => ['name', 'rooms', 'drafts', 'member'].map((key) => localStorage.getItem(`switchboard.${key}`))), [null, null, null, null], 'and keeps nothing of theirs');
  await signIn(ann, name, PASSWORD);
  await ann.page.locator('chat-frame').waitFor();
  await ann.joined();
});

test('another name is the same person’s on all pages', async () => {
  const ann = await fixture.open();
  await ann.comeIn(fresh('Person'));
  const other = await ann.context.newPage();
  await other.goto(fixture.server.url);
  await other.locator('chat-frame').waitFor();
  const name = fresh('Person');
  await ann.rename(name);
  await other.locator('.self-name', { hasText: name }).waitFor();
});

test('who is away is shown so, and is told to the others', async () => {
  const ann = await fixture.open();
  const [name, other] = [fresh('Person'), fresh('Person')];
  await ann.comeIn(name);
  const bob = await fixture.client(other);
  await bob.join('lobby');
  const entry = ann.page.locator('.person', { hasText: other });
  await entry.and(ann.page.locator('[data-presence=online]')).waitFor();
  await bob.ask({ type: 'away', away: true });
  await entry.and(ann.page.locator('[data-presence=away]')).waitFor();
  assert.match(await entry.textContent(), /away/, 'it is said, too');
  await ann.page.screenshot({ path: join(FOLDER, 'people-away.png'), animations: 'disabled' });
  await bob.ask({ type: 'away', away: false });
  await entry.and(ann.page.locator('[data-presence=online]')).waitFor();
  // A page that is not looked at says so by itself.
  for (const [state, presence] of [['hidden', 'away'], ['visible', 'online']]) {
    await ann.page.evaluate((value) => {
      Object.defineProperty(document, 'visibilityState', { value, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, state);
    await until(presence, async () => (await bob.received('presence')).some((frame) => frame.name === name && frame.presence === presence));
  }
});

test('a reload of the page is nothing that anybody is told', { skip: !CAN_RESTART }, async () => {
  const patient = await Server.start({ leaveGrace: '15' });
  try {
    const bob = await RawClient.connect(fixture.browser, patient.url, 'Bob');
    await bob.join('lobby');
    const ann = await fixture.open({ url: patient.url, mayLoseConnection: true });
    await ann.comeIn('Ann');
    await until('she is there', async () => (await bob.received('join')).length === 1);
    for (let i = 0; i < 3; i += 1) {
      await ann.page.reload();
      await ann.joined();
    }
    await ann.say('still here');
    await until('it came', async () => (await bob.received('message')).length === 1);
    assert.equal((await bob.received('join', 'leave')).length, 1);
    await bob.leave();
  } finally {
    await patient.stop();
  }
});

test('an administrator silences somebody, shows somebody out, and closes the door to guests', { skip: !CAN_RESTART }, async () => {
  const own = await Server.start();
  try {
    const [ann, bob] = [await fixture.open({ url: own.url, mayLoseConnection: true }), await fixture.open({ url: own.url, language: 'zh-CN', mayLoseConnection: true })];
    await ann.comeIn('Ann');
    await bob.comeIn('Bob');
    const open = async () => {
      await ann.page.locator('.person-button', { hasText: 'Bob' }).click();
      await ann.page.locator('person-menu dialog[open]').waitFor();
    };
    await open();
    assert.equal(await ann.page.locator('[data-act=mute]').count(), 0, 'not before there is an account');
    await ann.page.keyboard.press('Escape');
    await claim(ann);
    await ann.page.locator('.settings-text', { hasText: 'administrator' }).waitFor();
    await ann.page.screenshot({ path: join(FOLDER, 'settings-admin.png'), animations: 'disabled' });
    await ann.page.keyboard.press('Escape');
    await bob.say('something rude');
    await ann.stored('something rude');
    await ann.message('something rude').hover();
    await ann.message('something rude').locator('.message-more').click();
    const menu = ann.page.locator('.message-menu');
    assert.equal(await menu.getByRole('menuitem', { name: 'Edit' }).count(), 0, 'it is not hers');
    await menu.getByRole('menuitem', { name: 'Delete' }).click();
    await menu.getByRole('button', { name: 'Delete' }).click();
    await bob.page.locator('.message.deleted').waitFor();
    await open();
    await ann.page.screenshot({ path: join(FOLDER, 'person-menu.png'), animations: 'disabled' });
    await ann.page.locator('[data-act=mute]').click();
    await ann.page.locator('person-menu dialog[open]').waitFor({ state: 'detached' });
    await bob.say('may I?');
    await bob.page.locator('.message', { hasText: '禁言' }).waitFor();
    await open();
    await ann.page.locator('[data-act=kick]').click();
    await ann.page.locator('[data-confirm=kick]').click();
    await bob.page.locator('connection-status', { hasText: '移出' }).waitFor();
    await openSettings(ann);
    await ann.page.locator('[data-guests=false]').click();
    await ann.page.locator('account-panel .hint', { hasText: 'can’t come in' }).waitFor();
    const cy = await fixture.open({ url: own.url, mayLoseConnection: true });
    await cy.page.locator('#name-input').fill('Cy');
    await cy.page.locator('name-form button[type=submit]').click();
    await cy.page.locator('#name-problem', { hasText: 'doesn’t let new guests in' }).waitFor();
  } finally {
    await own.stop();
  }
});

test('to ban somebody is asked again, and taken back by the name', { skip: !CAN_RESTART }, async () => {
  const own = await Server.start();
  try {
    const [ann, bob] = [await fixture.open({ url: own.url, mayLoseConnection: true }), await fixture.open({ url: own.url, mayLoseConnection: true, language: 'zh-CN' })];
    await ann.comeIn('Ann');
    await claim(ann);
    await ann.page.locator('.settings-text', { hasText: 'administrator' }).waitFor();
    await ann.page.keyboard.press('Escape');
    await bob.comeIn('Bob');
    await claim(bob);
    await bob.page.locator('account-panel .hint', { hasText: '归你了' }).waitFor();
    await ann.page.locator('.person-button', { hasText: 'Bob' }).click();
    await ann.page.locator('[data-act=ban]').click();
    await ann.page.locator('.act-question', { hasText: 'Bob' }).waitFor();
    await ann.page.locator('[data-confirm=ban]').click();
    await bob.page.locator('connection-status', { hasText: '封禁' }).waitFor();
    await openSettings(ann);
    const form = ann.page.locator('unban-form');
    await form.locator('.field').fill('Nobody');
    await form.locator('.field').press('Enter');
    await form.locator('.problem', { hasText: 'Nobody on this server' }).waitFor();
    await form.locator('.field').fill('Bob');
    await form.locator('.field').press('Enter');
    await form.locator('.hint', { hasText: 'can sign in again' }).waitFor();
    const again = await fixture.open({ url: own.url, mayLoseConnection: true });
    await signIn(again, 'Bob', PASSWORD);
    await again.joined();
  } finally {
    await own.stop();
  }
});

for (const { phone, dark, language, look } of FOUR_LOOKS) {
  test(`pictures of coming in and of the settings: ${look}`, async () => {
    const person = await fixture.open({ phone, dark, language });
    const { page } = person;
    const picture = (name) => page.screenshot({ path: join(FOLDER, `${name}-${look}.png`), animations: 'disabled' });
    await page.locator('#name-input').waitFor();
    await picture('gate');
    await page.locator('.gate-body > .link').click();
    await page.locator('#account-password').fill('not the password');
    await page.locator('#account-name').fill(`Nobody ${look}`);
    await page.locator('password-form button[type=submit]').click();
    await page.locator('password-form .problem:not(:empty)').waitFor();
    await picture('sign-in');
    await page.locator('.gate-body > .link').click();
    await person.comeIn(`韩梅梅 ${look}`);
    if (phone) await page.locator('.open-rooms').click();
    await openSettings(person);
    await picture('settings-guest');
    await page.locator('account-panel > .button').click();
    await page.locator('#password-new').fill('short');
    await page.locator('#password-new').press('Enter');
    await page.locator('password-form .problem:not(:empty)').waitFor();
    await picture('settings-claim');
    await page.locator('#password-new').fill(PASSWORD);
    await page.locator('#password-new').press('Enter');
    await page.locator('account-panel > .hint:not(:empty)').first().waitFor();
    await picture('settings-account');
  });
}
