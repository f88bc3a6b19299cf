/** What a person chooses for this browser, light or dark; and what is half typed in the settings. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { until } from '../support/browser.js';
import { Fixture, fresh } from '../support/fixture.js';

const fixture = new Fixture();
let ann;

const isDark = (page = ann.page) => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme === 'dark');

async function openSettings(options = {}) {
  ann = await fixture.sitDown(fresh('Ann'), options);
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

test('what is typed of a password stays when one is given another name on another device', async () => {
  await openSettings();
  const elsewhere = await fixture.sitDown('', { as: ann });
  const panel = ann.page.locator('account-panel');
  await panel.getByRole('button', { name: 'Keep this name' }).click();
  await ann.page.locator('#password-new').fill('correct horse');
  await elsewhere.page.locator('.self').click();
  const name = fresh('Anna');
  await elsewhere.page.locator('name-form input').fill(name);
  await elsewhere.page.locator('name-form button[type=submit]').click();
  await ann.page.locator('.self-name', { hasText: name }).waitFor();
  await panel.locator('.settings-text', { hasText: name }).waitFor();
  assert.equal(await ann.page.locator('#password-new').inputValue(), 'correct horse');
  assert.equal(await ann.focusIsOn('#password-new'), true);
  assert.equal(await panel.locator('[autocomplete=username]').inputValue(), name, 'what a password manager keeps is the name as it is now');
  await ann.page.locator('#password-new').press('Enter');
  await panel.getByRole('button', { name: 'Change password' }).waitFor();
  assert.equal(await ann.page.locator('#password-new').count(), 0);
});
