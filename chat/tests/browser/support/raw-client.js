/** Speaks the protocol itself, over a WebSocket in a blank page: what a person's page gets, or cannot say, is tested with it. */

export class RawClient {
  #page;
  #context;

  /**
   * @param {import('playwright-core').Browser} browser
   * @param {string} url the server's
   * @param {string} name
   * @param {{ session?: boolean }} [options] `session`: the server knows who it is, and not the name alone
   */
  static async connect(browser, url, name, { session = false } = {}) {
    const client = new RawClient();
    client.#context = await browser.newContext();
    client.#page = await client.#context.newPage();
    await client.#page.goto(`${url}/favicon.svg`);
    if (session) {
      const { ok } = await client.#context.request.post(`${url}/session`, { data: { name } }).then((response) => ({ ok: response.ok() }));
      if (!ok) throw new Error(`no session for ${name}`);
    }
    await client.#page.evaluate(async ([address, text]) => {
      const socket = new WebSocket(address, 'switchboard.v1');
      globalThis.socket = socket;
      globalThis.log = [];
      let counter = 0;
      const waiting = new Map();
      socket.onmessage = (event) => {
        const frame = JSON.parse(event.data);
        globalThis.log.push(frame);
        if (!waiting.has(frame.id)) return;
        waiting.get(frame.id)(frame);
        waiting.delete(frame.id);
      };
      globalThis.ask = (frame) => new Promise((resolve) => {
        counter += 1;
        const id = `raw-${counter}`;
        waiting.set(id, resolve);
        socket.send(JSON.stringify({ ...frame, id }));
      });
      await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = () => reject(new Error('no connection')); });
      await globalThis.ask({ type: 'connect', text, client: crypto.randomUUID() });
    }, [`${url.replace(/^http/, 'ws')}/ws`, name]);
    return client;
  }

  /** @param {Record<string, unknown>} frame @returns {Promise<any>} the answer */
  ask(frame) {
    return this.#page.evaluate((request) => globalThis.ask(request), frame);
  }

  /**
   * Sends any text.
   * @param {string} text
   * @returns {Promise<any[]>} what has come since, up to the answers to what was asked after it
   */
  raw(text) {
    return this.#page.evaluate(async (sent) => {
      globalThis.log.length = 0;
      globalThis.socket.send(sent);
      // One is answered by the hub, the other by a worker, as errors about the form are: between these two there is no order.
      const answers = await Promise.all([globalThis.ask({ type: 'rooms' }), globalThis.ask({ type: 'nothing that there is' })]);
      return globalThis.log.filter((frame) => !answers.includes(frame));
    }, text);
  }

  /** What has come of these types since the connection began, or since `raw`. @param {string[]} types @returns {Promise<any[]>} */
  received(...types) {
    return this.#page.evaluate((wanted) => globalThis.log.filter(({ type }) => wanted.includes(type)), types);
  }

  /** Sends what has no answer. @param {Record<string, unknown>} frame */
  tell(frame) {
    return this.#page.evaluate((sent) => globalThis.socket.send(JSON.stringify(sent)), frame);
  }

  /** @param {string} room */
  join(room) {
    return this.ask({ type: 'join', room });
  }

  /** Posts in order, each when the one before is stored. @param {string} room @param {string[]} texts */
  say(room, ...texts) {
    return this.#page.evaluate(async ([key, all]) => {
      for (const text of all) {
        const answer = await globalThis.ask({ type: 'message', room: key, text });
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
    return this.#page.evaluate(async (requests) => {
      const answers = [];
      for (let i = 0; i < requests.length; i += 100) answers.push(...await Promise.all(requests.slice(i, i + 100).map(globalThis.ask)));
      return answers;
    }, frames);
  }

  async leave() {
    await this.#context.close();
  }
}
