/** The processes of the server are replaced and killed while two people talk, and their pages show nothing of it. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Fixture } from '../support/fixture.js';
import { CAN_RESTART } from '../support/server.js';

const fixture = new Fixture();

async function sitDown(name, options = {}) {
  const person = await fixture.open(options);
  // What has been before does not count: from here on the connection is this one.
  await person.page.addInitScript(() => {
    window.connections = 0;
    window.WebSocket = class extends WebSocket {
      constructor(...all) {
        super(...all);
        window.connections += 1;
      }
    };
  });
  await person.page.reload();
  await person.comeIn(name);
  return person;
}

/** From here on the page notes what nobody should see: a lost connection, somebody who comes or goes, a text that is there twice. */
function watch(person) {
  return person.page.evaluate(() => {
    const status = document.querySelector('connection-status');
    const notices = () => [...document.querySelectorAll('.notice')].map((notice) => notice.textContent);
    const before = new Set(notices());
    window.shown = [];
    const look = () => {
      const texts = [...document.querySelectorAll('.message .text')].map((text) => text.textContent);
      window.shown.push(...texts.filter((text, i) => texts.indexOf(text) !== i), ...notices().filter((notice) => !before.has(notice)));
      if (status.dataset.loudness !== 'none') window.shown.push(status.textContent);
    };
    new MutationObserver(look).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['data-loudness'] });
  });
}

/** What happens to the server, one after the other. */
const DISTURBANCES = [
  () => fixture.server.reload(),
  () => fixture.server.crash('hub'),
  () => fixture.server.crash('worker 0'),
  () => fixture.server.crash('manager'),
  () => fixture.server.crash('worker 1'),
  () => fixture.server.reload(),
  () => Promise.all([fixture.server.crash('hub'), fixture.server.crash('worker 1')]),
  () => fixture.server.reload(),
  () => fixture.server.crash('hub'),
  () => fixture.server.reload(),
];

if (CAN_RESTART) {
  test('two people talk while the server is reloaded and its processes are killed: neither page shows a disconnect, or misses or doubles a message', async () => {
    const [ann, li] = [await sitDown('Ann'), await sitDown('李雷', { language: 'zh-CN' })];
    await ann.page.locator('.person-name', { hasText: '李雷' }).waitFor();
    await watch(ann);
    await watch(li);
    const said = [];
    let over = false;
    const talk = async (person, name) => {
      for (let i = 1; !over; i += 1) {
        const text = `${name} ${i}`;
        said.push(text);
        await person.say(text);
        await person.stored(text);
      }
    };
    const talking = Promise.all([talk(ann, 'from Ann'), talk(li, '李雷说')]);
    for (const disturb of DISTURBANCES) {
      const before = said.length;
      await disturb();
      while (said.length < before + 4) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    over = true;
    await talking;
    for (const person of [ann, li]) for (const text of said.slice(-2)) await person.stored(text);

    const texts = async (person) => (await person.conversation()).map(({ text }) => text);
    const shown = await texts(ann);
    assert.deepEqual(await texts(li), shown, 'both see the same, in the same order');
    assert.deepEqual([...shown].sort(), [...said].sort(), 'everything that was said, once');
    for (const person of [ann, li]) {
      assert.equal(await person.page.evaluate(() => window.connections), 1, 'the connection is still the first one');
      assert.deepEqual(await person.page.evaluate(() => window.shown), [], 'no disconnect, nobody comes or goes, nothing is there twice');
      assert.equal(await person.page.locator('.message.waiting, .message.sent, .message.failed').count(), 0, 'all are confirmed');
    }
  });

  test('who is here is right after a reload', async () => {
    const [ann, li] = [await sitDown('Ann'), await sitDown('李雷', { language: 'zh-CN' })];
    await ann.page.locator('.person-name', { hasText: '李雷' }).waitFor({ state: 'attached' });
    await fixture.server.reload();
    await fixture.server.crash('hub');
    await li.leave();
    await ann.page.locator('.person-name', { hasText: '李雷' }).waitFor({ state: 'detached' });
    await ann.page.reload();
    await ann.joined();
    assert.equal(await ann.page.locator('.person-name', { hasText: '李雷' }).count(), 0);
    assert.equal(await ann.page.locator('.person-name', { hasText: 'Ann' }).count(), 1);
  });
}
