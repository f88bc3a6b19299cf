/** Told of what is said while nobody looks. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { until } from '../support/browser.js';
import { Fixture } from '../support/fixture.js';
import { RawClient } from '../support/raw-client.js';

/** Is there for the whole file. */
let bob;
let ann;
const fixture = new Fixture(async () => {
  bob = await RawClient.connect(fixture.browser, fixture.server.url, 'Bob');
  await bob.ask({ type: 'create', room: 'Tea' });
  for (const room of ['lobby', 'tea']) await bob.join(room);
});
beforeEach(async () => {
  ann = await fixture.open();
  // A browser without a screen shows no notifications: this one notes them, and what the page does as if it were hidden.
  await ann.context.addInitScript(() => {
    window.shown = [];
    window.asked = 0;
    window.Notification = class {
      static permission = sessionStorage.getItem('permission') ?? 'default';
      static async requestPermission() {
        window.asked += 1;
        this.permission = sessionStorage.getItem('answer') ?? 'granted';
        sessionStorage.setItem('permission', this.permission);
        return this.permission;
      }
      constructor(title, options) { window.shown.push({ title, ...options, notification: this }); }
      close() {}
    };
    let hidden = false;
    Object.defineProperty(document, 'visibilityState', { get: () => (hidden ? 'hidden' : 'visible') });
    window.hide = (value) => { hidden = value; document.dispatchEvent(new Event('visibilitychange')); };
    window.tones = 0;
    const { start } = OscillatorNode.prototype;
    OscillatorNode.prototype.start = function (...all) { window.tones += 1; return start.apply(this, all); };
  });
  await ann.page.reload();
  await ann.comeIn('Ann');
});

const shown = (page = ann.page) => page.evaluate(() => window.shown.map(({ title, body, tag }) => ({ title, body, tag })));
/** Until nobody is looked at any more: the lock is given back. */
const hide = (page = ann.page) => page.evaluate(async () => {
  window.hide(true);
  while ((await navigator.locks.query()).held.some(({ name }) => name === 'switchboard.seen')) await new Promise((resolve) => setTimeout(resolve, 10));
});

async function choose(name) {
  await ann.page.locator('.self').click();
  await ann.page.getByRole('radiogroup', { name: 'Notifications' }).getByRole('radio', { name, exact: true }).click();
  await until('it is chosen', () => ann.page.locator('notification-settings input:checked').first().isVisible());
}

test('nobody is asked, and nothing is shown, unless it is wanted; then of one\'s name, in one notification for each room', async () => {
  await hide();
  await bob.say('lobby', 'Ann, are you there?');
  await ann.stored('Ann, are you there?');
  assert.deepEqual([await shown(), await ann.page.evaluate(() => window.asked)], [[], 0]);
  await ann.page.evaluate(() => window.hide(false));

  await choose('For me');
  await until('the browser was asked', () => ann.page.evaluate(() => window.asked === 1));
  await ann.page.keyboard.press('Escape');
  await bob.say('lobby', 'Ann, I see you');
  await ann.stored('Ann, I see you');
  assert.deepEqual(await shown(), [], 'not while the page is looked at');
  await hide();
  await bob.say('lobby', 'Hello @Ann!', 'nothing about her, in an annex', 'Ann is a word, too');
  await until('she is told', async () => (await shown()).length > 0);
  assert.deepEqual(await shown(), [{ title: 'Lobby', body: 'Bob: Hello @Ann!', tag: 'room:lobby' }]);
  assert.match(await ann.page.title(), /^\(1\)/);
  assert.equal(await ann.page.evaluate(() => window.tones), 0, 'without a sound');
});

test('of everything, with a sound, if that is wanted; a click leads to the room', async () => {
  await ann.page.locator('[data-room=tea]').click();
  await ann.joined();
  await ann.page.locator('[data-room=lobby]').click();
  await choose('Everything');
  await ann.page.getByLabel('With a sound').check();
  await until('it is heard at once', () => ann.page.evaluate(() => window.tones > 0));
  await ann.page.keyboard.press('Escape');
  await ann.page.evaluate(() => { window.tones = 0; });
  await hide();
  await bob.say('tea', '水开了');
  await until('she is told', async () => (await shown()).length === 1);
  assert.deepEqual(await shown(), [{ title: 'Tea', body: 'Bob: 水开了', tag: 'room:tea' }]);
  await until('it is heard', () => ann.page.evaluate(() => window.tones > 0));
  await ann.page.evaluate(() => { window.hide(false); window.shown[0].notification.onclick(); });
  await ann.page.locator('.room-title', { hasText: 'Tea' }).waitFor();
});

test('a browser that does not allow it is believed, and one is told', async () => {
  await ann.page.evaluate(() => sessionStorage.setItem('answer', 'denied'));
  await choose('Everything');
  await ann.page.getByText('doesn’t allow notifications').waitFor();
  assert.equal(await ann.page.locator('notification-settings input[value=off]').isChecked(), true);
});

test('of several tabs one notifies, and none while another one is looked at', async () => {
  await choose('Everything');
  await ann.page.keyboard.press('Escape');
  const other = await ann.context.newPage();
  await other.goto(fixture.server.url);
  await other.locator('message-list[data-live=true] .scroller[aria-busy=false]').waitFor();
  await other.evaluate(() => { Notification.permission = 'granted'; });
  await ann.page.evaluate(() => window.hide(true));
  await bob.say('lobby', 'one is looked at');
  for (const page of [ann.page, other]) await page.locator('.message', { hasText: 'one is looked at' }).waitFor();
  await hide(other);
  await bob.say('lobby', 'nobody looks');
  for (const page of [ann.page, other]) await page.locator('.message', { hasText: 'nobody looks' }).waitFor();
  await until('one tells', async () => (await shown()).length + (await shown(other)).length > 0);
  assert.deepEqual([...await shown(), ...await shown(other)].map(({ body }) => body), ['Bob: nobody looks']);
  // The tab that told goes: the other one takes over.
  await ann.page.close();
  await until('it has the lock', () => other.evaluate(async () => (await navigator.locks.query()).pending.length === 0));
  await bob.say('lobby', 'still nobody');
  await until('the other one tells', async () => (await shown(other)).length === 1);
});

test('a direct message is told of though one is not in the conversation; a muted room only when one is meant', async () => {
  const name = `Ann ${Date.now()}`;
  const li = await fixture.client('李雷', { session: true });
  await ann.rename(name);
  await choose('For me');
  await ann.page.keyboard.press('Escape');
  const { room: noise } = await li.ask({ type: 'create', room: `Noise ${name}` });
  await li.join(noise);
  await ann.page.locator(`[data-room="${noise}"]`).click();
  await ann.joined();
  await ann.page.locator('.open-details').click();
  await ann.page.locator('[data-act=mute]').check();
  await ann.page.locator(`[data-room="${noise}"].muted`).waitFor();
  await ann.page.keyboard.press('Escape');
  await ann.page.locator('[data-room=lobby]').click();
  await hide();
  const { room: direct } = (await li.ask({ type: 'direct', names: [name] })).room;
  await li.join(direct);
  await li.say(direct, '在吗？');
  await until('she is told', async () => (await shown()).length === 1);
  await li.say(noise, 'all is well', `@${name} not quite`);
  await until('she is told again', async () => (await shown()).length === 2);
  assert.deepEqual((await shown()).map(({ title, body }) => [title, body]), [['李雷', '在吗？'], [`Noise ${name}`, `李雷: @${name} not quite`]]);
});

test('an invitation into a private room is told of, and leads there', async () => {
  const name = `Ann ${Date.now()}`;
  const li = await fixture.client('李雷', { session: true });
  await ann.rename(name);
  await ann.page.keyboard.press('Escape');
  const invite = async (title) => {
    const { room } = await li.ask({ type: 'create', room: title, private: true });
    await li.ask({ type: 'invite', room, name });
    await ann.page.locator('invitation-note', { hasText: title }).waitFor();
  };
  await hide();
  await invite('One 预算');
  assert.deepEqual(await shown(), [], 'not unless it is wanted');
  await ann.page.evaluate(() => window.hide(false));
  await choose('For me');
  await ann.page.keyboard.press('Escape');
  await hide();
  await invite('Other 预算');
  await until('she is told', async () => (await shown()).length > 0);
  const [{ title, body }] = await shown();
  assert.deepEqual([title, body.replace(/[\u2068\u2069]/g, '')], ['Other 预算', '李雷 invited you to “Other 预算”.']);
  await ann.page.evaluate(() => { window.hide(false); window.shown[0].notification.onclick(); });
  await ann.page.locator('.room-title', { hasText: 'Other' }).waitFor();
  await ann.page.locator('invitation-note .invitation').waitFor({ state: 'hidden' });
});
