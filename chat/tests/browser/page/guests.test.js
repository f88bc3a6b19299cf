/** What an administrator does about people and the door: another name for somebody, links that invite; and one's own devices. Pictures are kept for people to look at. */

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import axe from 'axe-core';

import { launch, Person, until } from '../support/browser.js';
import { FOUR_LOOKS } from '../support/looks.js';
import { CAN_RESTART, Server } from '../support/server.js';

const FOLDER = process.env.SCREENSHOTS ?? fileURLToPath(new URL('../../../../.test/screenshots', import.meta.url));
const PASSWORD = 'correct horse battery';

let browser;
let server;
/** @type {Person[]} */
let people = [];

before(async () => {
  browser = await launch();
  await mkdir(FOLDER, { recursive: true });
});
after(async () => {
  await browser?.close();
});
afterEach(async () => {
  const gone = people;
  people = [];
  for (const person of gone) await person.leave();
  await server?.stop();
  for (const person of gone) assert.deepEqual(person.complaints, []);
});

async function sitDown(options = {}) {
  const person = await Person.sitDown(browser, { url: server.url, mayLoseConnection: true, ...options });
  people.push(person);
  return person;
}

/** The administrator, in the settings. */
async function administrator(options = {}) {
  server = await Server.start();
  const ann = await sitDown(options);
  await ann.comeIn('Ann');
  assert.equal((await ann.context.request.post(`${server.url}/account`, { data: { password: PASSWORD } })).status(), 200);
  await ann.page.reload();
  await ann.joined();
  return ann;
}

async function openSettings({ page }, phone = false) {
  if (phone) await page.locator('.open-rooms').click();
  await page.locator('.self').click();
  await page.locator('settings-panel').waitFor();
}

/** Closes the server to guests, and makes a link. */
async function invite(ann) {
  const { page } = ann;
  await page.locator('[data-guests=false]').click();
  await page.locator('[data-guests=true]').waitFor();
  await page.locator('invitation-panel form button[type=submit]').click();
  await page.locator('#invitation-link').waitFor();
  return page.locator('#invitation-link').inputValue();
}

test('an administrator renames somebody, whose page and whose messages’ sender are called so', { skip: !CAN_RESTART }, async () => {
  const ann = await administrator();
  const bob = await sitDown({ language: 'zh-CN' });
  await bob.comeIn('Bob');
  await ann.page.locator('.person-button', { hasText: 'Bob' }).click();
  await ann.page.locator('[data-act=rename]').click();
  const field = ann.page.locator('#person-name');
  await until('the old name is there to be written over', async () => await field.inputValue() === 'Bob');
  for (const [name, expected] of [[' ', 'choose another name'], ['ann', 'looks the same']]) {
    await field.fill(name);
    await field.press('Enter');
    await ann.page.locator('person-menu .problem', { hasText: expected }).waitFor();
  }
  await ann.page.locator('.act-form').getByRole('button', { name: 'Cancel' }).click();
  await ann.page.locator('[data-act=rename]').click();
  await field.fill('Bobby');
  await field.press('Enter');
  await ann.page.locator('person-menu dialog[open]').waitFor({ state: 'detached' });
  await bob.page.locator('.self-name', { hasText: 'Bobby' }).waitFor();
  await ann.page.locator('.person-button', { hasText: 'Bobby' }).waitFor();
  await bob.say('call me so');
  await ann.stored('call me so');
  assert.match(await ann.message('call me so').textContent(), /Bobby/);
  await bob.page.reload();
  await bob.joined();
  assert.equal(await bob.page.locator('.self-name').textContent(), 'Bobby');
});

test('a link lets guests in while the door is closed, is taken out of the address, and can be ended', { skip: !CAN_RESTART }, async () => {
  const ann = await administrator();
  await openSettings(ann);
  const uses = ann.page.locator('#invitation-uses');
  await uses.fill('0');
  await uses.press('Enter');
  await ann.page.locator('#invitation-problem', { hasText: 'from 1 to 1,000' }).waitFor();
  await uses.fill('2');
  const link = await invite(ann);
  assert.match(link, /^http:\/\/[^/]+\/#invitation=[0-9a-f]{64}$/);
  const { hash } = new URL(link);
  await ann.page.locator('.entry[data-invitation]', { hasText: '2 more guests' }).waitFor();

  const requests = [];
  const bob = await sitDown();
  bob.page.on('request', (request) => requests.push(request.url()));
  await bob.page.goto(`${server.url}/${hash}`);
  await bob.page.reload();
  await bob.page.locator('h1', { hasText: 'You’re invited' }).waitFor();
  assert.equal(new URL(bob.page.url()).hash.includes('invitation'), false, 'it is kept in the tab alone');
  await bob.comeIn('Bob');
  assert.equal(await bob.page.evaluate(() => sessionStorage.getItem('switchboard.invitation')), null, 'until it is used');
  assert.equal(requests.some((url) => url.includes('invitation')), false);
  await bob.page.reload();
  await bob.joined();
  // Into a tab that is open.
  await bob.page.evaluate((fragment) => { location.hash = fragment; }, hash);
  await until('the address has a room', () => bob.page.evaluate(() => location.hash === '#lobby' || location.hash === ''));
  assert.equal(await bob.page.locator('.room-title').textContent(), 'Lobby');
  await ann.page.keyboard.press('Escape');
  await openSettings(ann);
  await ann.page.locator('.entry[data-invitation]', { hasText: '1 more guest' }).waitFor();
  await ann.page.locator('.entry[data-invitation] button').click();
  await ann.page.locator('.entry[data-invitation]').waitFor({ state: 'detached' });

  const cy = await sitDown({ hash, language: 'zh-CN' });
  await cy.page.locator('h1', { hasText: '邀请' }).waitFor();
  await cy.page.locator('#name-input').fill('小明');
  await cy.page.locator('name-form button[type=submit]').click();
  await cy.page.locator('#name-problem', { hasText: '邀请已失效' }).waitFor();
  await cy.page.locator('h1', { hasText: '马上接通' }).waitFor();
});

test('the settings of an administrator offer to open the door, or to close it, as it is now, whoever has moved it', { skip: !CAN_RESTART }, async () => {
  const ann = await administrator();
  const phone = await sitDown({ phone: true, as: ann });
  await phone.joined();
  for (const [person, isPhone] of /** @type {const} */ ([[ann, false], [phone, true]])) await openSettings(person, isPhone);
  const isOffered = async (/** @type {string} */ what) => {
    for (const { page } of [ann, phone]) {
      await page.locator('[data-guests]', { hasText: what }).waitFor();
      assert.equal(await page.locator('account-panel').getByRole('button', { name: /guests in$/ }).count(), 1);
    }
  };
  await isOffered('Let no new guests in');
  await ann.page.locator('[data-guests]').click();
  await isOffered('Let guests in');
  assert.equal(await ann.focusIsOn('[data-guests]'), true);
  await phone.page.reload();
  await phone.joined();
  await openSettings(phone, true);
  await isOffered('Let guests in');
  await phone.page.locator('[data-guests]').click();
  await isOffered('Let no new guests in');
  await ann.page.locator('account-panel .hint', { hasText: 'Guests can come in.' }).waitFor();
});

test('the devices on which one is signed in are listed, and another one is signed out', { skip: !CAN_RESTART }, async () => {
  const ann = await administrator();
  const elsewhere = await sitDown({ phone: true });
  assert.equal((await elsewhere.context.request.post(`${server.url}/session`, { data: { name: 'Ann', password: PASSWORD } })).status(), 200);
  await elsewhere.page.reload();
  await elsewhere.joined();
  await openSettings(ann);
  const entries = ann.page.locator('device-list .entry');
  await until('both are there', async () => await entries.count() === 2);
  assert.match(await entries.last().textContent(), /Chrome on .*This device/);
  assert.match(await entries.first().textContent(), /Last used: Today/);
  await entries.first().getByRole('button').click();
  await until('one is left', async () => await entries.count() === 1);
  await elsewhere.page.locator('name-gate .problem', { hasText: 'signed out' }).waitFor();
  assert.equal(await entries.getByRole('button').count(), 0, 'to sign out here is said below');
});

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

for (const { phone, dark, language, look } of FOUR_LOOKS) {
  test(`pictures, to which nothing is objected: ${look}`, { skip: !CAN_RESTART }, async () => {
    const ann = await administrator({ phone, dark, language });
    const { page } = ann;
    const judge = async (person, name) => {
      await person.page.screenshot({ path: join(FOLDER, `${name}-${look}.png`), animations: 'disabled' });
      await person.page.evaluate(axe.source);
      const { violations } = await person.page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags }), TAGS);
      assert.deepEqual(violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`), [], name);
      const small = await person.page.evaluate(() => [...(document.querySelector('dialog[open]') ?? document).querySelectorAll('button, select, input:not([type=checkbox], [type=radio])')].filter((e) => e.getBoundingClientRect().width > 0 && (e.getBoundingClientRect().height < 43.9 || (e.matches('select, input') && parseFloat(getComputedStyle(e).fontSize) < 16))).map((e) => e.outerHTML.slice(0, 80)));
      if (phone) assert.deepEqual(small, [], `${name}: as large as a finger`);
      assert.equal(await person.page.evaluate(() => [...document.querySelectorAll('dialog[open]')].every((e) => e.scrollWidth <= e.clientWidth)), true, 'nothing is pushed out');
    };
    const bob = await sitDown({ phone, dark, language });
    await bob.comeIn(language === 'en' ? 'Bob' : '小红');
    if (phone) await page.locator('.open-people').click();
    await page.locator('.person-button').last().click();
    await page.locator('[data-act=rename]').click();
    await page.locator('#person-name').fill('ANN');
    await page.keyboard.press('Enter');
    await page.locator('person-menu .problem:not(:empty)').waitFor();
    await judge(ann, 'rename');
    await page.keyboard.press('Escape');
    await page.locator('person-menu dialog[open]').waitFor({ state: 'detached' });
    if (phone) await page.keyboard.press('Escape');
    const other = await sitDown({ phone: true });
    await other.context.request.post(`${server.url}/session`, { data: { name: 'Ann', password: PASSWORD } });
    await openSettings(ann, phone);
    const { hash } = new URL(await invite(ann));
    await page.locator('.entry[data-invitation]').waitFor();
    await page.locator('device-list').scrollIntoViewIfNeeded();
    await judge(ann, 'devices');
    await page.locator('.entry[data-invitation]').scrollIntoViewIfNeeded();
    await judge(ann, 'invitations');
    const guest = await sitDown({ phone, dark, language, hash });
    await guest.page.locator('#name-input').waitFor();
    await judge(guest, 'invited');
    await ann.page.locator('.entry[data-invitation] button').click();
    await ann.page.locator('.entry[data-invitation]').waitFor({ state: 'detached' });
    await guest.page.locator('#name-input').fill('Gil');
    await guest.page.locator('name-form button[type=submit]').click();
    await guest.page.locator('#name-problem:not(:empty)').waitFor();
    await judge(guest, 'invited-too-late');
  });
}
