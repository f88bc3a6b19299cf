/** What most files of tests begin with: a server and a browser for the whole file, and people who come for one test. */

import assert from 'node:assert/strict';
import { after, afterEach, before } from 'node:test';

import { launch, Person } from './browser.js';
import { RawClient } from './raw-client.js';
import { Server } from './server.js';

let number = 0;

/** A name or title that no other test has. @param {string} name */
export const fresh = (name) => `${name} ${(number += 1)}`;

export class Fixture {
  /** @type {Server} */
  server;
  /** @type {import('playwright-core').Browser} */
  browser;
  /** Who is to leave when the test has ended. @type {(Person | RawClient)[]} */
  #visitors = [];

  /** @param {() => Promise<void>} [prepare] what the file does with the server before its first test: hooks `before` do not wait for each other */
  constructor(prepare = async () => {}) {
    before(async () => {
      this.server = await Server.start();
      this.browser = await launch();
      await prepare();
    });
    after(async () => {
      await this.browser?.close();
      await this.server?.stop();
    });
    afterEach(async () => {
      for (const visitor of this.#visitors.splice(0)) {
        await visitor.leave();
        if (visitor instanceof Person) assert.deepEqual(visitor.complaints, [], 'no errors, and nothing that the security policy forbids');
      }
    });
  }

  /**
   * Somebody with the page before them who has not come in yet.
   * @param {Partial<Parameters<typeof Person.sitDown>[1]>} [options] `url`: where the page does not come from the file's own server, or not straight from it
   */
  async open(options = {}) {
    const person = await Person.sitDown(this.browser, { url: this.server.url, ...options });
    this.#visitors.push(person);
    return person;
  }

  /**
   * Somebody in a room.
   * @param {string} name not used with the option `as`: somebody on another device has come in already
   * @param {Parameters<Fixture['open']>[0]} [options]
   */
  async sitDown(name, options = {}) {
    const person = await this.open(options);
    if (options.as === undefined) await person.comeIn(name);
    else await person.joined();
    return person;
  }

  /**
   * Somebody without a page.
   * @param {string} name
   * @param {Parameters<typeof RawClient.connect>[3]} [options]
   */
  async client(name, options) {
    const client = await RawClient.connect(this.browser, this.server.url, name, options);
    this.#visitors.push(client);
    return client;
  }
}
