/** What the page does when the server says "slowly" or "somebody else is called that". Pictures of it are kept for people to look at. */

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { launch, Person, until } from '../support/browser.js';
import { FOUR_LOOKS } from '../support/looks.js';
import { RawClient } from '../support/raw-client.js';
import { CAN_RESTART, Server } from '../support/server.js';

const FOLDER = process.env.SCREENSHOTS ?? fileURLToPath(new URL('../../../../.test/screenshots', import.meta.url));

const SAYS = {
  en: { tooFast: /faster than the server allows/, taken: /called .?Ann.?, which looks the same/, again: /try again in \d+ seconds?/ },
  'zh-CN': { tooFast: /发得太快/, taken: /已经有人叫“.?Ann.?”/, again: /请 \d+ 秒后再试/ },
};

let browser;
let server;
let bob;
before(async () => {
  browser = await launch();
  await mkdir(FOLDER, { recursive: true });
  // The limits of a server that runs already are not known.
  if (!CAN_RESTART) return;
  server = await Server.start({ rateLimits: '1' });
  bob = await RawClient.connect(browser, server.url, 'Ann');
  await bob.join('lobby');
});
after(async () => {
  await bob?.leave();
  await browser?.close();
  await server?.stop();
});

const picture = (person, name) => person.page.screenshot({ path: join(FOLDER, `${name}.png`), animations: 'disabled' });

for (const { phone, dark, language, look: title } of FOUR_LOOKS) {
  const says = SAYS[language];

  test(`a name that looks like somebody else's is refused at the door and later: ${title}`, { skip: !CAN_RESTART }, async () => {
    const person = await Person.sitDown(browser, { url: server.url, phone, dark, language });
    const { page } = person;
    await page.locator('#name-input').fill('Аnn');
    await page.locator('name-form button[type=submit]').click();
    await page.locator('#name-problem', { hasText: says.taken }).waitFor();
    await picture(person, `name-taken-${title}`);
    assert.equal(await page.locator('#name-input').inputValue(), 'Аnn', 'what was written is still there');
    await person.comeIn(`Mia ${title}`);
    if (phone) await page.locator('.open-rooms').click();
    await page.locator('.self').click();
    await page.locator('dialog #name-input').fill('ANN');
    await page.locator('dialog name-form button[type=submit]').click();
    await page.locator('dialog #name-problem', { hasText: says.taken }).waitFor();
    await picture(person, `rename-taken-${title}`);
    await page.locator('dialog #name-input').fill(`Mia 2 ${title}`);
    await page.locator('dialog name-form button[type=submit]').click();
    await page.locator('.self-name', { hasText: 'Mia 2' }).waitFor();
    await person.leave();
    assert.deepEqual(person.complaints, []);
  });

  test(`messages that come too fast are kept, and arrive in order: ${title}`, { skip: !CAN_RESTART }, async () => {
    const person = await Person.sitDown(browser, { url: server.url, phone, dark, language });
    const { page } = person;
    await person.comeIn(`Pia ${title}`);
    const room = `fast-${title.toLowerCase()}-${Date.now()}`;
    await bob.ask({ type: 'create', room });
    await page.goto('about:blank');
    await page.goto(`${server.url}/#${room}`);
    // There are limits on rooms as well, and bob has made some.
    const inRoom = await Promise.race([person.joined().then(() => true), page.locator('room-state[data-state=refused]').waitFor().then(() => false)]);
    if (!inRoom) {
      await page.locator('room-state button').first().click();
      await person.joined();
    }
    // As fast as a machine, until that is too fast: a slow machine needs more of them.
    const texts = await page.evaluate(async ([begin, most]) => {
      const input = document.querySelector('#composer-input');
      const all = [];
      while (all.length < most && !document.querySelector('#composer-count').classList.contains('slowed')) {
        await new Promise((resolve) => { setTimeout(resolve); });
        all.push(`${begin} ${all.length + 1}`);
        input.value = all.at(-1);
        input.dispatchEvent(new Event('input', { bubbles: true }));
        input.form.requestSubmit();
      }
      return all;
    }, [title, 150]);
    await page.locator('#composer-count', { hasText: says.tooFast }).waitFor();
    await picture(person, `too-fast-${title}`);
    await person.stored(texts.at(-1));
    const kept = (await person.conversation()).map(({ text }) => text);
    assert.deepEqual(kept.filter((text) => text.startsWith(title)), texts);
    await until('the note is gone', async () => (await page.locator('#composer-count').textContent()) === '');
    await person.leave();
    assert.deepEqual(person.complaints, []);
  });
}

for (const language of /** @type {const} */ (['en', 'zh-CN'])) {
  test(`too many new rooms are refused, with the time when there may be another: ${language}`, { skip: !CAN_RESTART }, async () => {
    const person = await Person.sitDown(browser, { url: server.url, language });
    await person.comeIn(`Ria ${language}`);
    const { page } = person;
    let refused = false;
    for (let i = 0; i < 8 && !refused; i += 1) {
      const title = `${language} ${i}`;
      await page.locator('.new-room').click();
      await page.locator('#room-input').fill(title);
      await page.locator('#room-input').press('Enter');
      const made = page.locator('.room-title', { hasText: title }).waitFor().then(() => false);
      refused = await Promise.race([made, page.locator('#room-problem', { hasText: SAYS[language].again }).waitFor().then(() => true)]);
      made.catch(() => {});
      if (refused) assert.equal(await page.locator('#room-input').inputValue(), title);
    }
    assert.ok(refused);
    await picture(person, `rooms-too-fast-${language}`);
    await person.leave();
    assert.deepEqual(person.complaints, []);
  });
}
