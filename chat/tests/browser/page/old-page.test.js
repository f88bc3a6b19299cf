/** A page that has been open for hours, under a server that was replaced again and again. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { until } from '../support/browser.js';
import { Fixture } from '../support/fixture.js';
import { CAN_RESTART } from '../support/server.js';

const RELOADS = 20;
const MINUTES_EACH = 6;

const fixture = new Fixture();

if (CAN_RESTART) {
  test(`after ${RELOADS * MINUTES_EACH} minutes and ${RELOADS} reloads of the server the page is still right`, async () => {
    const bob = await fixture.client('Bob');
    await bob.join('lobby');
    const ann = await fixture.open();
    const { page } = ann;
    await page.addInitScript(() => {
      window.connections = 0;
      window.WebSocket = class extends WebSocket {
        constructor(...all) {
          super(...all);
          window.connections += 1;
        }
      };
    });
    await page.clock.install({ time: Date.now() });
    await page.reload();
    await ann.comeIn('Ann');
    const said = [];
    for (let i = 1; i <= RELOADS; i += 1) {
      await fixture.server.reload();
      await page.clock.fastForward(MINUTES_EACH * 60_000);
      const text = `after reload ${i}`;
      said.push(text);
      if (i % 2 === 0) await ann.say(text);
      else await bob.say('lobby', text);
      await ann.stored(text);
      assert.equal(await page.locator('connection-status').getAttribute('data-loudness'), 'none');
    }
    const shown = (await ann.conversation()).map(({ text }) => text);
    assert.deepEqual(shown, said, 'everything, once, in order');
    assert.equal(await page.evaluate(() => window.connections), 1, 'the connection is still the first one');
    assert.deepEqual(await page.locator('.person-name').allTextContents(), ['Ann', 'Bob']);
    assert.equal(await page.locator('update-note').isVisible(), false);
    // Rooms that appeared meanwhile are there, and one can go to them.
    const { room } = await bob.ask({ type: 'create', room: 'Later' });
    await page.locator(`[data-room="${room}"]`).click();
    await ann.joined();
    // And a day later what was said today was said yesterday, or a day before that: it may be past midnight already.
    await page.locator('[data-room=lobby]').click();
    const day = () => page.locator('.day').first().textContent();
    const before = await day();
    await page.clock.fastForward(24 * 3_600_000);
    await until('the days have gone on', async () => await day() !== before);
    await until('the connection is still well', async () => await page.locator('connection-status').getAttribute('data-loudness') === 'none');
  });
}
