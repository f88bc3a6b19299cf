/** axe-core finds nothing to object to, in any state of the page: light and dark, English and Chinese, phone and desktop. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import axe from 'axe-core';

import { launch, Person } from '../support/browser.js';
import { enrich, gather, talk } from '../support/conversation.js';
import { FOUR_LOOKS } from '../support/looks.js';
import { RawClient } from '../support/raw-client.js';
import { Server } from '../support/server.js';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

let browser;
before(async () => {
  browser = await launch();
});
after(async () => {
  await browser?.close();
});

/** @param {Person} person @param {string} state */
async function judge(person, state) {
  const { violations, passes } = await person.page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags, resultTypes: ['violations'] }), TAGS);
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} (${failureSummary?.split('\n').at(1)?.trim()})`).join(' | ')}`);
  assert.deepEqual(found, [], state);
  assert.ok(passes.length > 5, `${state}: it was looked at`);
}

/**
 * Messages of all kinds, what can be done with them, and what is offered while one writes.
 * @param {Person} person
 * @param {Map<string, RawClient>} guests
 * @param {'en' | 'zh-CN'} language
 */
async function messages(person, guests, language) {
  const { page } = person;
  await talk(guests, person, language);
  await judge(person, 'a conversation');
  // To see what is behind what, axe scrolls; whoever is not at the end does not see what comes.
  await page.locator('.scroller').evaluate((scroller) => { scroller.scrollTop = scroller.scrollHeight; });
  await enrich(guests, person, language);
  await judge(person, 'Markdown, answers, reactions, an edited message and a deleted one');
  await page.locator('.message.own .message-more').last().evaluate((button) => button.click());
  await judge(person, 'the menu of a message');
  await page.locator('.more-emoji').click();
  await page.locator('.emoji-picker').waitFor();
  await judge(person, 'the emoji picker');
  await page.keyboard.press('Escape');
  await page.locator('.message.own .message-more').last().evaluate((button) => button.click());
  await page.locator('.menu-item.danger').click();
  await judge(person, 'the question before a message is deleted');
  await page.keyboard.press('Escape');
  await person.box.press('ArrowUp');
  await page.locator('.compose-bar:not([hidden])').waitFor();
  await judge(person, 'another text for a message');
  await person.box.press('Escape');
  await person.box.pressSequentially(':th');
  await page.locator('.completion-option').first().waitFor();
  await judge(person, 'emoji by name');
  await person.box.press('Escape');
  await person.box.fill('');
}

/**
 * What is around the conversation: the lists, the dialogs, the settings; at the end one is in a new room.
 * @param {Person} person
 * @param {{ phone: boolean, language: 'en' | 'zh-CN', look: string }} options
 */
async function panels(person, { phone, language, look }) {
  const { page } = person;
  for (const panel of phone ? ['rooms', 'people'] : []) {
    await page.locator(`.open-${panel}`).click();
    await page.locator(`.${panel}-panel`).waitFor();
    await judge(person, panel);
    await page.keyboard.press('Escape');
  }
  await page.keyboard.press('Control+k');
  await page.keyboard.type('o');
  await judge(person, 'the quick switcher');
  await page.keyboard.type('xyz');
  await judge(person, 'the quick switcher without a result');
  await page.keyboard.press('Escape');
  await page.locator('.open-search').click();
  await judge(person, 'the search');
  await page.locator('#search-input').fill(language === 'en' ? 'the' : '的');
  await page.locator('.hit mark').first().waitFor();
  await judge(person, 'what was found');
  await page.keyboard.press('Escape');
  if (phone) await page.locator('.open-details').click();
  await page.locator(phone ? '[data-act=date]' : '.go-to-date').click();
  await judge(person, 'the day to go to');
  await page.keyboard.press('Escape');
  await page.locator('.scroller').focus();
  await page.keyboard.type('?');
  await judge(person, 'the keys');
  await page.keyboard.press('Escape');
  if (phone) await page.locator('.open-rooms').click();
  await page.locator('.self').click();
  await page.locator('settings-panel').waitFor();
  await judge(person, 'the settings');
  await page.keyboard.press('Escape');
  await page.locator('.new-room').click();
  await judge(person, 'a new room');
  await page.locator('#room-input').fill(`empty ${look}`);
  await page.locator('#room-private').check();
  await page.locator('#room-topic').fill('预算 and figures');
  await page.locator('#room-input').press('Enter');
  await page.locator('room-state[data-state=empty]').waitFor();
  await judge(person, 'an empty room, private');
}

/**
 * Everything about conversations: lists and dialogs, unread and muted ones, mentions.
 * @param {Person} person
 * @param {Map<string, RawClient>} guests
 * @param {boolean} phone
 */
async function conversations(person, guests, phone) {
  const { page } = person;
  const self = await page.locator('.self-name').textContent();
  await page.locator('.open-details').click();
  await judge(person, 'about a room');
  await page.locator('[data-act=mute]').check();
  await page.locator('[data-act=edit]').click();
  await judge(person, 'another name and topic');
  await page.getByRole('button', { name: /^(?:Cancel|取消)$/ }).click();
  await page.locator('[data-act=archive]').click();
  await judge(person, 'the question before a room is archived');
  await page.getByRole('button', { name: /^(?:Cancel|取消)$/ }).click();
  await page.locator('[data-act=invite]').click();
  await page.locator('#picker-input').fill('Somebody');
  await page.keyboard.press('Enter');
  await page.locator('#picker-input').fill('o');
  await judge(person, 'an invitation');
  await page.keyboard.press('Escape');
  const li = guests.get('李雷');
  await li.ask({ type: 'join', room: 'lobby' });
  const friend = await RawClient.connect(browser, new URL(page.url()).origin, '李雷的朋友', { session: true });
  await friend.join('lobby');
  if (phone) await page.locator('.open-rooms').click();
  await page.locator('[data-room=lobby]').click();
  await person.joined();
  await friend.say('lobby', `@${self} 你好`, '@room hello');
  await page.locator('.message.for-me mark').nth(1).waitFor();
  await person.box.pressSequentially('@');
  await page.locator('.completion-option').first().waitFor();
  await judge(person, 'people to mention');
  await page.keyboard.press('Escape');
  await person.box.fill('');
  if (phone) await page.locator('.open-people').click();
  await page.locator('.person-button', { hasText: '李雷的朋友' }).click();
  await judge(person, 'what one can do with somebody');
  await page.locator('[data-act=talk]').click();
  await page.locator('.room-title', { hasText: '李雷的朋友' }).waitFor();
  await person.joined();
  await person.say('在吗？');
  await person.stored('在吗？');
  const { room } = (await friend.ask({ type: 'rooms' })).rooms.find(({ kind }) => kind === 'direct');
  await friend.join(room);
  await friend.ask({ type: 'read', room, seq: 1 });
  await page.locator('.seen').waitFor();
  await friend.tell({ type: 'typing', room });
  await page.locator('.typing:not(:empty)').waitFor();
  await judge(person, 'a conversation with somebody, who has read it and writes');
  if (phone) await page.locator('.open-rooms').click();
  await page.locator('[data-room=lobby]').click();
  await friend.say(room, '在');
  if (phone) await page.locator('.open-rooms').click();
  await page.locator('.badge.for-me').waitFor();
  await judge(person, 'the list, with something unread');
  if (phone) await page.keyboard.press('Escape');
}

for (const { phone, dark, language, look } of FOUR_LOOKS) {
  test(`no state of the page is objected to: ${look}`, async (t) => {
    const server = await Server.start();
    t.after(() => server.stop());
    const guests = await gather(browser, server.url);
    const person = await Person.sitDown(browser, { url: server.url, phone, dark, language, mayLoseConnection: true });
    t.after(() => person.leave());
    const { page } = person;
    // By the debugger's way in: the page itself runs no scripts but its own.
    const load = () => page.evaluate(axe.source);
    await load();
    await judge(person, 'the door');
    await page.locator('name-form button[type=submit]').click();
    await page.locator('#name-problem:not(:empty)').waitFor();
    await judge(person, 'a name that is refused');
    await page.locator('.gate-body > .link').click();
    await page.locator('#account-password').waitFor();
    await judge(person, 'the way in with a password');
    await page.locator('.gate-body > .link').click();
    await person.comeIn(`${look} ${language === 'en' ? 'Ann' : '小明'}`);
    await messages(person, guests, language);
    await panels(person, { phone, language, look });
    await conversations(person, guests, phone);
    await person.page.goto(`${server.url}/#nowhere`);
    await page.locator('room-state[data-state=refused]').waitFor();
    await load();
    await judge(person, 'a room that there is not');
    await person.context.setOffline(true);
    await page.locator('connection-status[data-loudness=banner]').waitFor();
    await judge(person, 'no connection');
    assert.deepEqual(person.complaints, []);
  });
}
