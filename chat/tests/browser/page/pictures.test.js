/** Pictures of the page: phone and desktop, light and dark, English and Chinese, kept for people to look at. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';

import { launch, Person, until } from '../support/browser.js';
import { enrich, gather, talk } from '../support/conversation.js';
import { LOOKS } from '../support/looks.js';
import { RawClient } from '../support/raw-client.js';
import { Server } from '../support/server.js';

/** `.test/screenshots` at the top of the repository, unless told otherwise. */
const FOLDER = process.env.SCREENSHOTS ?? fileURLToPath(new URL('../../../../.test/screenshots', import.meta.url));
const NAMES = { en: 'Ann', 'zh-CN': '王小明' };

let browser;
before(async () => {
  browser = await launch();
  await mkdir(FOLDER, { recursive: true });
});
after(async () => {
  await browser?.close();
});

for (const { phone, dark, language, look } of LOOKS) {
  test(`a picture of the page: ${look}`, async (t) => {
    const server = await Server.start();
    t.after(() => server.stop());
    const guests = await gather(browser, server.url);
    const person = await Person.sitDown(browser, { url: server.url, phone, dark, language });
    await picture(person, `door-${look}`);
    await person.comeIn(NAMES[language]);
    await openRooms(person, phone);
    await person.page.locator('[data-room="release-2.4"]').click();
    await person.joined();
    await openRooms(person, phone);
    await person.page.locator('[data-room=lobby]').click();
    await guests.get('Priya').join('release-2.4');
    await guests.get('Priya').say('release-2.4', 'The notes are up.', 'Have a look when you can.');
    await talk(guests, person, language);
    await until('the unread count is shown', async () => await person.page.locator('.badge').count() > 0);
    await picture(person, `chat-${look}`);
    await enrich(guests, person, language);
    await picture(person, `rich-${look}`);
    await person.page.locator('.message-more').last().evaluate((button) => button.click());
    await person.page.locator('.message-menu').waitFor();
    await picture(person, `menu-${look}`);
    await person.page.locator('.more-emoji').click();
    await person.page.locator('.emoji-picker').waitFor();
    await picture(person, `emoji-${look}`);
    await person.page.keyboard.press('Escape');
    await person.box.pressSequentially(':th');
    await person.page.locator('.completion-option').first().waitFor();
    await person.box.press('Escape');
    await person.box.fill('');
    await person.page.locator('.open-search').click();
    await person.page.locator('#search-input').fill(language === 'en' ? 'the' : '的');
    await person.page.locator('.hit mark').first().waitFor();
    await picture(person, `search-${look}`);
    await person.page.keyboard.press('Escape');
    if (phone) await person.page.locator('.open-details').click();
    await person.page.locator(phone ? '[data-act=date]' : '.go-to-date').click();
    await picture(person, `date-${look}`);
    await person.page.keyboard.press('Escape');
    if (phone) {
      await openRooms(person, phone);
      await picture(person, `rooms-${look}`);
    }
    await conversations(person, look, phone);
    assert.equal(await overflow(person), 0, 'nothing sticks out to the right');
    assert.deepEqual(person.complaints, []);
    await person.leave();
    for (const guest of guests.values()) await guest.leave();
  });
}

/** A private room, what can be done with it, and a conversation with somebody. */
async function conversations(person, look, phone) {
  const { page } = person;
  const self = await page.locator('.self-name').textContent();
  if (phone) await page.keyboard.press('Escape');
  await openRooms(person, phone);
  await page.locator('.new-room').click();
  await page.locator('#room-input').fill('Budget 2027 预算');
  await page.locator('#room-topic').fill('Only figures, please. 只谈数字');
  await page.locator('#room-private').check();
  await picture(person, `new-room-${look}`);
  await page.locator('#room-input').press('Enter');
  await page.locator('.room-title', { hasText: 'Budget' }).waitFor();
  await person.joined();
  const mei = await RawClient.connect(browser, new URL(page.url()).origin, '小雨', { session: true });
  if (phone) await page.locator('.open-people').click();
  await page.locator('.invite').click();
  await page.locator('#picker-input').fill('小雨');
  await picture(person, `invite-${look}`);
  await page.locator('people-picker button[type=submit]').click();
  await page.locator('people-picker dialog[open]').waitFor({ state: 'detached' });
  if (phone) await page.keyboard.press('Escape');
  const { room } = await until('she is invited', async () => (await mei.received('room')).find(({ kind }) => kind === 'private'));
  await mei.join(room);
  await mei.say(room, `@${self} 三月的数字到了`);
  await page.locator('.message.for-me').waitFor();
  await picture(person, `private-${look}`);
  await page.locator('.open-details').click();
  await picture(person, `details-${look}`);
  await page.keyboard.press('Escape');
  const { room: direct } = (await mei.ask({ type: 'direct', names: [self] })).room;
  await mei.join(direct);
  await mei.say(direct, '在吗？');
  await openRooms(person, phone);
  await page.locator('.badge.for-me').waitFor();
  await picture(person, `unread-${look}`);
  await page.locator(`[data-room="${direct}"]`).click();
  await person.joined();
  await person.say('在，怎么了？');
  await person.stored('在，怎么了？');
  await mei.ask({ type: 'read', room: direct, seq: 2 });
  await page.locator('.seen').waitFor();
  await mei.tell({ type: 'typing', room: direct });
  await page.locator('.typing:not(:empty)').waitFor();
  await picture(person, `direct-${look}`);
  await mei.leave();
}

async function openRooms(person, phone) {
  if (!phone) return;
  await person.page.locator('.open-rooms').click();
  await person.page.locator('.rooms-panel').waitFor();
}

/** How many pixels of the page are too wide. */
function overflow(person) {
  return person.page.evaluate(() => Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth));
}

/** @param {Person} person @param {string} name */
async function picture(person, name) {
  await person.page.evaluate(() => document.fonts.ready);
  await person.page.screenshot({ path: join(FOLDER, `${name}.png`), animations: 'disabled' });
}
