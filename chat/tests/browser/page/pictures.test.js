/** Pictures of the page: phone and desktop, light and dark, English and Chinese, kept for people to look at. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';

import { launch, Person, until } from '../support/browser.js';
import { enrich, gather, talk } from '../support/conversation.js';
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

for (const phone of [false, true]) {
  for (const dark of [false, true]) {
    for (const language of /** @type {const} */ (['en', 'zh-CN'])) {
      const look = `${phone ? 'phone' : 'desktop'}-${dark ? 'dark' : 'light'}-${language}`;
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
        await person.page.locator('.go-to-date').click();
        await picture(person, `date-${look}`);
        await person.page.keyboard.press('Escape');
        if (phone) {
          await openRooms(person, phone);
          await picture(person, `rooms-${look}`);
        }
        assert.equal(await overflow(person), 0, 'nothing sticks out to the right');
        assert.deepEqual(person.complaints, []);
        await person.leave();
        for (const guest of guests.values()) await guest.leave();
      });
    }
  }
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
