/** A wire between page and server that can be cut. */

import { createServer, connect } from 'node:net';
import { once } from 'node:events';

export class Proxy {
  #port;
  #server;
  #sockets = new Set();
  #cut = false;

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
      one.pipe(other);
    }
  }
}
