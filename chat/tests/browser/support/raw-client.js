/** Speaks the protocol itself, over a WebSocket in a blank page: what a person's page gets, or cannot say, is tested with it. */

/** A blank page for all who need no cookie of their own, by browser and server: a page is a process, a WebSocket is none. @type {WeakMap<import('playwright-core').Browser, Map<string, Promise<import('playwright-core').Page>>>} */
const SHARED = new WeakMap();

export class RawClient {
  /** Its WebSocket, what has come, and a function that asks: in the page. @type {import('playwright-core').JSHandle} */
  #there;
  /** Its own, if it has one. */
  #context = null;

  /**
   * @param {import('playwright-core').Browser} browser
   * @param {string} url the server's
   * @param {string} name
   * @param {{ session?: boolean, cookies?: any[] }} [options] `session`: the server knows who it is, and not the name alone; `cookies`: those of somebody whom it knows
   */
  static async connect(browser, url, name, { session = false, cookies = [] } = {}) {
    const client = new RawClient();
    let page;
    if (session || cookies.length > 0) {
      client.#context = await browser.newContext();
      await client.#context.addCookies(cookies);
      page = await blank(client.#context, url);
    } else {
      page = await shared(browser, url);
    }
    if (session) {
      const { ok } = await client.#context.request.post(`${url}/session`, { data: { name } }).then((response) => ({ ok: response.ok() }));
      if (!ok) throw new Error(`no session for ${name}`);
    }
    client.#there = await page.evaluateHandle(async ([address, text]) => {
      const socket = new WebSocket(address, 'switchboard.v1');
      const log = [];
      let counter = 0;
      const waiting = new Map();
      socket.onmessage = (event) => {
        const frame = JSON.parse(event.data);
        log.push(frame);
        if (!waiting.has(frame.id)) return;
        waiting.get(frame.id)(frame);
        waiting.delete(frame.id);
      };
      const ask = (frame) => new Promise((resolve) => {
        counter += 1;
        const id = `raw-${counter}`;
        waiting.set(id, resolve);
        socket.send(JSON.stringify({ ...frame, id }));
      });
      await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = () => reject(new Error('no connection')); });
      await ask({ type: 'connect', text, client: crypto.randomUUID() });
      return { socket, log, ask };
    }, [`${url.replace(/^http/, 'ws')}/ws`, name]);
    return client;
  }

  /** @param {Record<string, unknown>} frame @returns {Promise<any>} the answer */
  ask(frame) {
    return this.#there.evaluate(({ ask }, request) => ask(request), frame);
  }

  /**
   * Sends any text.
   * @param {string} text
   * @returns {Promise<any[]>} what has come since, up to the answers to what was asked after it
   */
  raw(text) {
    return this.#there.evaluate(async ({ socket, log, ask }, sent) => {
      log.length = 0;
      socket.send(sent);
      // One is answered by the hub, the other by a worker, as errors about the form are: between these two there is no order.
      const answers = await Promise.all([ask({ type: 'rooms' }), ask({ type: 'nothing that there is' })]);
      return log.filter((frame) => !answers.includes(frame));
    }, text);
  }

  /** What has come of these types since the connection began, or since `raw`. @param {string[]} types @returns {Promise<any[]>} */
  received(...types) {
    return this.#there.evaluate(({ log }, wanted) => log.filter(({ type }) => wanted.includes(type)), types);
  }

  /** Sends what has no answer. @param {Record<string, unknown>} frame */
  tell(frame) {
    return this.#there.evaluate(({ socket }, sent) => socket.send(JSON.stringify(sent)), frame);
  }

  /** @param {string} room */
  join(room) {
    return this.ask({ type: 'join', room });
  }

  /** Posts in order, each when the one before is stored. @param {string} room @param {string[]} texts */
  say(room, ...texts) {
    return this.#there.evaluate(async ({ ask }, [key, all]) => {
      for (const text of all) {
        const answer = await ask({ type: 'message', room: key, text });
        if (answer.type !== 'message') throw new Error(JSON.stringify(answer));
      }
    }, [room, texts]);
  }

  /**
   * Asks many things at a time.
   * @param {Record<string, unknown>[]} frames
   * @returns {Promise<any[]>} the answers, in order
   */
  askAll(frames) {
    return this.#there.evaluate(async ({ ask }, requests) => {
      const answers = [];
      for (let i = 0; i < requests.length; i += 100) answers.push(...await Promise.all(requests.slice(i, i + 100).map(ask)));
      return answers;
    }, frames);
  }

  async leave() {
    if (this.#context === null) await this.#there.evaluate(({ socket }) => new Promise((resolve) => { socket.onclose = resolve; socket.close(); if (socket.readyState === WebSocket.CLOSED) resolve(); }));
    else await this.#context.close();
  }
}

/** @param {import('playwright-core').Browser} browser @param {string} url */
function shared(browser, url) {
  const pages = SHARED.get(browser) ?? new Map();
  SHARED.set(browser, pages);
  if (!pages.has(url)) pages.set(url, browser.newContext().then((context) => blank(context, url)));
  return pages.get(url);
}

/** @param {import('playwright-core').BrowserContext} context @param {string} url */
async function blank(context, url) {
  const page = await context.newPage();
  await page.goto(`${url}/favicon.svg`);
  return page;
}
