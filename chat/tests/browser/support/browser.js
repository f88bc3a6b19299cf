/** Chromium, and people who sit in front of it. */

import { chromium } from 'playwright-core';

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

/** How long a condition may take to come true. */
export const DEADLINE_MS = 15_000;

/** @param {string[]} more further arguments of the browser */
export function launch(more = []) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    headless: true,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', ...more],
  });
}

/**
 * A person with a browser profile, and a page, of their own.
 */
export class Person {
  /** What went wrong on the page: errors on the console, exceptions, violations of the security policy. */
  complaints = [];

  /**
   * @param {import('playwright-core').Browser} browser
   * @param {{ url: string, language?: 'en' | 'zh-CN', phone?: boolean, dark?: boolean, hash?: string, mayLoseConnection?: boolean, as?: Person }} options
   *   `as`: the same person on another device
   */
  static async sitDown(browser, { url, language = 'en', phone = false, dark = false, hash = '', mayLoseConnection = false, as }) {
    const person = new Person();
    const context = await browser.newContext({
      ...(phone ? PHONE : DESKTOP),
      locale: language === 'en' ? 'en-GB' : 'zh-CN',
      timezoneId: 'Asia/Shanghai',
      colorScheme: dark ? 'dark' : 'light',
      reducedMotion: 'reduce',
      ignoreHTTPSErrors: true,
    });
    context.setDefaultTimeout(DEADLINE_MS);
    if (as !== undefined) await context.addCookies(await as.context.cookies());
    person.context = context;
    const page = await context.newPage();
    person.page = page;
    page.on('pageerror', (error) => person.complaints.push(String(error)));
    page.on('console', (message) => {
      // The browser itself writes a line for every connection that fails; that is what some tests are about.
      const isConnection = /WebSocket connection to|ERR_CONNECTION|ERR_SOCKET|ERR_EMPTY_RESPONSE|ERR_INTERNET_DISCONNECTED/.test(message.text());
      // And one for every request that the server refuses, which the page says in its own words.
      const isRefusal = /^Failed to load resource: the server responded with a status of (400|401|403|409|429)/.test(message.text());
      if (['error', 'warning'].includes(message.type()) && !isRefusal && !(mayLoseConnection && isConnection)) person.complaints.push(message.text());
    });
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => console.error(`security policy: ${event.violatedDirective} ${event.blockedURI}`));
    });
    await page.goto(`${url}/${hash}`);
    return person;
  }

  /** @param {string} name */
  async comeIn(name) {
    await this.page.locator('#name-input').fill(name);
    await this.page.locator('name-form button[type=submit]').click();
    await this.page.locator('chat-frame').waitFor();
    await this.joined();
    return this;
  }

  /**
   * Goes by another name from now on; the settings stay open.
   * @param {string} name
   */
  async rename(name) {
    const dialog = this.page.locator('dialog');
    await this.page.locator('.self').click();
    await dialog.locator('#name-input').fill(name);
    await dialog.locator('name-form button[type=submit]').click();
    await this.page.locator('.self-name', { hasText: name }).waitFor();
  }

  /** The room that is shown is entered, and its messages are here. */
  async joined() {
    await this.page.locator('message-list[data-live=true] .scroller[aria-busy=false]').waitFor();
  }

  get box() {
    return this.page.locator('#composer-input');
  }

  /** Goes to a room by the list, whose row has to be in sight. @param {string} key */
  async enter(key) {
    await this.page.locator(`[data-room="${key}"]`).click();
    await this.page.locator(`[data-room="${key}"][aria-current=page]`).waitFor();
    await this.joined();
  }

  /** The room of this title is shown. @param {string} title */
  async isIn(title) {
    await this.page.locator('.room-title', { hasText: title }).waitFor();
  }

  /** Presses one key after the other. @param {string[]} keys */
  async press(...keys) {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  /** @param {string} selector */
  async focusIsOn(selector) {
    return this.page.evaluate((what) => document.activeElement?.matches(what) ?? false, selector);
  }

  /** The focus gets there. @param {string} selector */
  async hasFocus(selector) {
    await until(`${selector} has the focus`, () => this.focusIsOn(selector));
  }

  /** @param {string} text */
  async say(text) {
    await this.box.fill(text);
    await this.box.press('Enter');
  }

  /** The messages that are in the document, near the visible part, as text, in order. @returns {Promise<string[]>} */
  async messages() {
    return this.page.locator('.message .text').allTextContents();
  }

  /**
   * All messages that the page holds, in order: scrolls through them, from the top to the bottom.
   * @returns {Promise<{ seq: number, text: string }[]>}
   */
  async conversation() {
    return this.page.locator('.scroller').evaluate(async (scroller) => {
      const found = [];
      const drawn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      const collect = () => {
        for (const li of scroller.querySelectorAll('.message')) {
          const seq = Number(li.dataset.seq);
          if (seq > (found.at(-1)?.seq ?? 0)) found.push({ seq, text: li.querySelector('.text').textContent });
        }
      };
      scroller.scrollTop = 0;
      for (;;) {
        await drawn();
        collect();
        const { scrollTop, scrollHeight, clientHeight } = scroller;
        if (scrollTop + clientHeight >= scrollHeight - 1) return found;
        scroller.scrollTop += clientHeight * 0.8;
      }
    });
  }

  /** @param {string} text */
  message(text) {
    return this.page.locator('.message', { has: this.page.getByText(text, { exact: true }) });
  }

  /** Confirmed by the server. @param {string} text */
  async stored(text) {
    await this.page.locator('.message[data-seq]', { has: this.page.getByText(text, { exact: true }) }).waitFor();
  }

  async leave() {
    await this.context.close();
  }
}

/**
 * Waits until a condition holds.
 * @template T
 * @param {string} what
 * @param {() => Promise<T> | T} condition true, or what it is about
 * @returns {Promise<T>}
 */
export async function until(what, condition) {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
