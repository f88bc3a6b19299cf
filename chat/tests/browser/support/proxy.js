/** A wire between page and server that can be cut, and on which requests can be held back. */

import { createServer, connect } from 'node:net';
import { once } from 'node:events';

export class Proxy {
  #port;
  #server;
  #sockets = new Set();
  #cut = false;
  /** The first lines of all requests that have come, in order; those of WebSockets, too. @type {string[]} */
  requests = [];
  /** @type {RegExp | null} */
  #held = null;
  /** What was held back: the head, and what sends it on. @type {{ head: string, send: () => void }[]} */
  #waiting = [];

  /** @param {number} port where the server listens on the loopback interface */
  static async start(port) {
    const proxy = new Proxy();
    proxy.#port = port;
    proxy.#server = createServer((socket) => proxy.#accept(socket));
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Ends every connection, and every new one at once. */
  cut() {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend() {
    this.#cut = false;
  }

  /** Requests whose head matches go no further, until they are let go. @param {RegExp} pattern */
  hold(pattern) {
    this.#held = pattern;
  }

  /** @param {RegExp} [pattern] only the requests that wait and match; the others, and those to come, are held still */
  letGo(pattern) {
    if (pattern === undefined) this.#held = null;
    const going = this.#waiting.filter(({ head }) => pattern?.test(head) ?? true);
    this.#waiting = this.#waiting.filter((each) => !going.includes(each));
    for (const { send } of going) send();
  }

  async stop() {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(socket) {
    if (this.#cut) {
      socket.destroy();
      return;
    }
    const upstream = connect(this.#port, '127.0.0.1');
    for (const [one, other] of [[socket, upstream], [upstream, socket]]) {
      this.#sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    upstream.pipe(socket);
    socket.on('end', () => upstream.end());
    socket.on('data', (bytes) => {
      const head = bytes.toString('latin1');
      const [line] = /^[A-Z]+ \S+ HTTP\/1\.1\r\n/.exec(head) ?? [];
      if (line !== undefined) this.requests.push(line.trim());
      if (line === undefined || this.#held?.test(head) !== true) {
        upstream.write(bytes);
        return;
      }
      socket.pause();
      const send = () => {
        upstream.write(bytes);
        socket.resume();
      };
      this.#waiting.push({ head, send });
    });
  }
}
