/** Without a mouse, and without eyes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { until } from '../support/browser.js';
import { Fixture, fresh } from '../support/fixture.js';

const fixture = new Fixture();
let ann;

const key = (...keys) => ann.press(...keys);

/** Tab until something has the focus. */
async function tabTo(selector, direction = 'Tab') {
  for (let i = 0; i < 40; i += 1) {
    if (await ann.focusIsOn(selector)) return;
    await key(direction);
  }
  throw new Error(`Tab does not lead to ${selector}`);
}

const hasFocus = (selector) => ann.hasFocus(selector);

test('everything can be done by keyboard alone', async () => {
  ann = await fixture.open();
  // Coming in
  await hasFocus('#name-input');
  await ann.page.keyboard.type('Ann');
  await key('Enter');
  await ann.joined();
  // Saying something
  await hasFocus('#composer-input');
  await ann.page.keyboard.type('by keyboard');
  await key('Enter');
  await ann.stored('by keyboard');
  // A new room
  await tabTo('.new-room', 'Shift+Tab');
  await key('Enter');
  await hasFocus('#room-input');
  await key('Escape');
  await hasFocus('.new-room');
  await key('Enter');
  const title = `keys ${Date.now()}`;
  await ann.page.keyboard.type(title);
  await key('Enter');
  await ann.page.locator('.room-title', { hasText: title }).waitFor();
  await hasFocus('#composer-input');
  // Back to the lobby, by arrow keys
  await tabTo('.room', 'Shift+Tab');
  await key('Home');
  await hasFocus('[data-room=lobby]');
  await key('ArrowDown');
  await hasFocus(`[data-room="${title.replace(' ', '-')}"]`);
  await key('ArrowUp', 'Enter');
  await ann.page.locator('.room-title', { hasText: 'Lobby' }).waitFor();
  await hasFocus('#composer-input');
  // The conversation can be scrolled
  await tabTo('.scroller', 'Shift+Tab');
  // Another name
  await tabTo('.self', 'Shift+Tab');
  await key('Enter');
  await hasFocus('#name-input');
  await ann.page.keyboard.type('Bea');
  await key('Enter');
  await ann.page.locator('.self-name', { hasText: 'Bea' }).waitFor();
  await hasFocus('.self');
  // The other language
  await tabTo('[data-language=zh-CN]');
  await key('Enter');
  await hasFocus('[data-language=zh-CN]');
  await tabTo('[data-language=en]', 'Shift+Tab');
  await key('Enter');
  // Out of a room
  await tabTo('[data-room]', 'Shift+Tab');
  await key('End', 'ArrowUp');
  await tabTo('.leave');
});

test('the first Tab leads past the rooms to the message box', async () => {
  ann = await fixture.open();
  await ann.comeIn('Ann');
  await ann.page.reload();
  await ann.joined();
  await ann.page.evaluate(() => document.activeElement.blur());
  await tabTo('.skip-link');
  // It slides in.
  await ann.page.waitForFunction(() => document.querySelector('.skip-link').getBoundingClientRect().top >= 0);
  await key('Enter');
  await hasFocus('#composer-input');
});

test('whatever has the focus shows it', async () => {
  ann = await fixture.open();
  await ann.comeIn('Ann');
  const seen = new Set();
  for (let i = 0; i < 30; i += 1) {
    await key('Tab');
    const shown = await ann.page.evaluate(() => {
      const element = document.activeElement;
      if (element === document.body) return null;
      const ring = element.matches('textarea') ? element.parentElement : element;
      const { outlineStyle, outlineWidth } = getComputedStyle(ring);
      return { name: element.outerHTML.slice(0, 60), visible: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1 };
    });
    if (shown === null) continue;
    seen.add(shown.name);
    assert.ok(shown.visible, shown.name);
  }
  assert.ok(seen.size >= 8, `${seen.size} stops`);
});

test('on a phone the drawers open, keep the keyboard to themselves, and close by Escape', async () => {
  ann = await fixture.open({ phone: true });
  await ann.comeIn('Ann');
  for (const drawer of ['rooms', 'people']) {
    assert.equal(await ann.page.locator(`.${drawer}-panel`).isVisible(), false);
    await ann.page.locator(`.open-${drawer}`).focus();
    await key('Enter');
    await ann.page.locator(`.${drawer}-panel`).waitFor();
    for (let i = 0; i < 12; i += 1) {
      const inside = await ann.page.evaluate((name) => document.activeElement === document.body || document.activeElement.closest(`.${name}-panel`) !== null, drawer);
      assert.ok(inside, `the keyboard stays in ${drawer}`);
      await key('Tab');
    }
    await key('Escape');
    await ann.page.locator(`.${drawer}-panel`).waitFor({ state: 'hidden' });
    await hasFocus(`.open-${drawer}`);
  }
  // Escape in a dialog closes the dialog alone.
  await ann.page.locator('.open-rooms').click();
  await ann.page.locator('.self').click();
  await ann.page.locator('self-card dialog').waitFor();
  await key('Escape');
  await ann.page.locator('self-card dialog').waitFor({ state: 'hidden' });
  assert.equal(await ann.page.locator('.rooms-panel').isVisible(), true);
});

/** What can be pressed, or written in, and is smaller than a finger or makes the phone zoom in. */
const tooSmall = () => ann.page.evaluate(() => {
  const top = [...document.querySelectorAll('dialog[open]')].at(-1) ?? document;
  return [...top.querySelectorAll('button, select, input:not([type=checkbox], [type=radio]), textarea, .choice label, .check, .room, .completion-option, .switcher-option')].flatMap((element) => {
    const { width, height } = element.getBoundingClientRect();
    const isField = element.matches('select, input, textarea');
    // What is only seen by who comes by keyboard, or is larger than it looks.
    if (width === 0 || element.matches('.message-more, .code-copy, .skip-link') || !element.checkVisibility({ visibilityProperty: true })) return [];
    const letter = parseFloat(getComputedStyle(element).fontSize);
    return height < 43.9 || (isField && letter < 16) ? [`${element.localName}.${element.className}#${element.id} ${width}x${height} ${letter}`] : [];
  });
});

test('on a phone whatever can be pressed is as large as a finger, and no field makes it zoom in', async () => {
  ann = await fixture.open({ phone: true });
  const { page } = ann;
  assert.deepEqual(await tooSmall(), [], 'the door');
  await ann.comeIn('Ann');
  await ann.say('**hello**');
  await ann.stored('hello');
  assert.deepEqual(await tooSmall(), [], 'the conversation');
  await page.locator('.message .message-more').last().evaluate((button) => button.click());
  assert.deepEqual(await tooSmall(), [], 'the menu of a message');
  await page.locator('.message-menu .emoji').first().click();
  await page.locator('.message .chip').waitFor();
  await ann.box.pressSequentially(':th');
  await page.locator('.completion-option').first().waitFor();
  assert.deepEqual(await tooSmall(), [], 'a reaction, and emoji by name');
  await ann.box.fill('');
  await page.locator('.open-people').click();
  assert.deepEqual(await tooSmall(), [], 'people');
  await key('Escape');
  await page.locator('.open-rooms').click();
  await page.locator('.new-room').click();
  assert.deepEqual(await tooSmall(), [], 'rooms');
  await page.locator('.self').click();
  await page.locator('settings-panel').waitFor();
  assert.deepEqual(await tooSmall(), [], 'the settings');
  await key('Escape');
  await key('Escape');
  await page.locator('.open-search').click();
  await page.locator('#search-from').fill('Nobody');
  await page.locator('.search .link').waitFor();
  assert.deepEqual(await tooSmall(), [], 'the search');
});

for (const language of /** @type {const} */ (['en', 'zh-CN'])) {
  test(`on the narrowest phone a long title is cut, and nothing is pushed out: ${language}`, async () => {
    ann = await fixture.open({ phone: true, language });
    const { page } = ann;
    await page.setViewportSize({ width: 360, height: 740 });
    await ann.comeIn('Ann');
    await page.locator('.open-rooms').click();
    await page.locator('.new-room').click();
    await page.locator('#room-input').fill(language === 'en' ? 'Everything about tea that nobody has said yet' : '关于茶的一切以及还没有人说过的所有事情都可以在这里慢慢聊');
    await page.locator('#room-topic').fill('and the weather, '.repeat(12));
    await page.locator('#room-input').press('Enter');
    await page.locator('room-state[data-state=empty]').waitFor();
    await page.locator('.room-topic:not(:empty)').waitFor();
    const { out, title, about } = await page.evaluate(() => {
      const rect = (selector) => document.querySelector(selector).getBoundingClientRect();
      const right = rect('.room-heading').right;
      return {
        out: [...document.querySelectorAll('room-header button')].filter((button) => button.checkVisibility()).filter((button) => { const { left, right: end } = button.getBoundingClientRect(); return left < 0 || end > 360; }).length,
        title: rect('.room-heading').width,
        about: rect('.room-about').right <= right && getComputedStyle(document.querySelector('.room-about')).overflowX === 'clip',
      };
    });
    assert.equal(out, 0);
    assert.ok(title >= 100, `${title} pixels for the title`);
    assert.equal(about, true, 'what is said of the room ends where its place ends');
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  });
}

test('the parts of the page have names', async () => {
  ann = await fixture.open();
  await ann.comeIn('Ann');
  for (const [role, name] of [
    ['navigation', 'Rooms'], ['complementary', 'People'], ['log', 'Messages in Lobby'], ['textbox', 'Message Lobby'], ['button', 'Send'],
    ['heading', 'Lobby'], ['group', 'Language'],
  ]) await ann.page.getByRole(role, { name, exact: true }).first().waitFor();
  await ann.page.getByRole('main').waitFor();
  assert.equal(await ann.page.getByRole('status').count(), 1, 'the connection');
  const unnamed = await ann.page.locator('button, a, input, textarea').evaluateAll((all) => all.filter((e) => {
    const label = e.getAttribute('aria-label') || (e.id && document.querySelector(`label[for="${e.id}"]`)?.textContent) || e.textContent;
    return !label.trim();
  }).map((e) => e.outerHTML.slice(0, 80)));
  assert.deepEqual(unnamed, []);
});

test('a screen reader hears each new message once, and nothing of the history', async () => {
  const room = `heard-${Date.now()}`;
  const bob = await fixture.client('Bob');
  await bob.ask({ type: 'create', room });
  await bob.join(room);
  await bob.say(room, ...Array.from({ length: 80 }, (_, i) => `old ${i + 1}`));
  ann = await fixture.open({ hash: `#${room}` });
  await ann.comeIn('Ann');
  await ann.page.evaluate(() => {
    window.heard = [];
    for (const region of document.querySelectorAll('[aria-live=polite], [role=status], [role=log]:not([aria-live=off])')) {
      new MutationObserver((changes) => {
        for (const { addedNodes } of changes) window.heard.push(...[...addedNodes].map((node) => node.textContent));
      }).observe(region, { childList: true, subtree: true });
    }
  });
  await until('she is at the first message', async () => {
    await ann.page.locator('.scroller').evaluate((e) => { e.scrollTop = 0; });
    return await ann.page.locator('.message[data-seq="1"]').count() > 0;
  });
  await bob.say(room, 'hello Ann', '你好');
  await ann.page.locator('.pill', { hasText: '2 new messages' }).waitFor();
  await ann.say('my own');
  await ann.stored('my own');
  assert.deepEqual(await ann.page.evaluate(() => window.heard.filter((text) => text !== '')), ['Bob: hello Ann', 'Bob: 你好']);
  await bob.leave();
});

test('text can be twice as large without anything lost', async () => {
  ann = await fixture.open();
  await ann.comeIn('Ann');
  const chrome = await ann.context.newCDPSession(ann.page);
  await chrome.send('Page.setFontSizes', { fontSizes: { standard: 32, fixed: 26 } });
  await until('letters are larger', () => ann.page.evaluate(() => parseFloat(getComputedStyle(document.body).fontSize) === 32));
  assert.equal(await ann.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true);
  for (const selector of ['#composer-input', '.send', '.room-title']) assert.ok(await ann.page.locator(selector).isVisible(), selector);
});

for (const phone of [false, true]) {
  test(`whoever dismisses an invitation goes on where they were: ${phone ? 'phone' : 'desktop'}`, async () => {
    const name = fresh('Ann');
    ann = await fixture.sitDown(name, { phone });
    const bob = await fixture.client(fresh('Bob'), { session: true });
    const note = ann.page.locator('invitation-note');
    const invite = async () => {
      const title = fresh('Budget');
      const { room } = await bob.ask({ type: 'create', room: title, private: true });
      await bob.ask({ type: 'invite', room, name });
      await note.getByText(title).waitFor();
    };
    await invite();
    await ann.page.evaluate(() => document.activeElement?.blur());
    await note.getByRole('button', { name: 'Dismiss' }).click();
    await hasFocus(phone ? '.scroller' : '#composer-input');
    await invite();
    await ann.box.focus();
    await note.getByRole('button', { name: 'Dismiss' }).click();
    await hasFocus('#composer-input');
    await invite();
    await note.locator('.button').click();
    await ann.isIn('Budget');
    await hasFocus(phone ? '.scroller' : '#composer-input');
  });
}
