/** What a person chooses for this browser: light or dark. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { until } from '../support/browser.js';
import { Fixture } from '../support/fixture.js';

const fixture = new Fixture();
let ann;

const isDark = (page = ann.page) => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme === 'dark');

async function openSettings(options = {}) {
  ann = await fixture.sitDown('Ann', options);
  await ann.page.locator('.self').click();
  await ann.page.locator('settings-panel').waitFor();
}

test('light or dark is as the system has it, until one chooses; the choice is remembered, in every tab', async () => {
  await openSettings({ dark: true });
  assert.equal(await isDark(), true);
  await ann.page.emulateMedia({ colorScheme: 'light' });
  await until('the page follows the system', async () => !await isDark());

  const other = await ann.context.newPage();
  await other.goto(fixture.server.url);
  await other.locator('chat-frame').waitFor();
  const choice = ann.page.getByRole('radiogroup', { name: 'Appearance' });
  await choice.getByRole('radio', { name: 'System' }).focus();
  await ann.page.keyboard.press('ArrowRight');
  assert.equal(await isDark(), false);
  await ann.page.keyboard.press('ArrowRight');
  await until('the page is dark', () => isDark());
  await until('so is the other tab', () => isDark(other));
  assert.equal(await ann.page.locator('meta[name=theme-color][data-scheme=dark]').getAttribute('media'), 'all');
  await ann.page.reload();
  await ann.joined();
  assert.equal(await isDark(), true);
});
