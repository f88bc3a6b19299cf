/**
 * The chat server under test: one that already runs (SWITCHBOARD_URL), or the program SWITCHBOARD_CHAT_BIN, started on a
 * port of its own with a new data directory.
 */

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

import { until } from './browser.js';

const run = promisify(execFile);

const START_WITHIN_MS = 20_000;
const STOP_WITHIN_MS = 15_000;

/** Whether these tests may stop and start the server, and its processes. */
export const CAN_RESTART = Boolean(process.env.SWITCHBOARD_CHAT_BIN);

export class Server {
  url = '';
  #data = '';
  /** @type {string[]} */
  #flags = [];
  #child = null;

  #rateLimits;
  #leaveGrace;

  /**
   * @param {{ tls?: boolean, rateLimits?: string, leaveGrace?: string }} [options] `rateLimits`: as `--rate-limits`; by default there are
   *   none: tests are faster than people; `leaveGrace`: as `--leave-grace`; by default people leave at once
   * @returns {Promise<Server>}
   */
  static async start({ tls = false, rateLimits = '0', leaveGrace = '0' } = {}) {
    const server = new Server();
    server.#rateLimits = rateLimits;
    server.#leaveGrace = leaveGrace;
    if (process.env.SWITCHBOARD_URL && !CAN_RESTART) {
      server.url = process.env.SWITCHBOARD_URL.replace(/\/$/, '');
      return server;
    }
    if (!CAN_RESTART) throw new Error('Set SWITCHBOARD_CHAT_BIN to the chat server\'s program, or SWITCHBOARD_URL to the address of one that runs.');
    server.#data = await mkdtemp(join(tmpdir(), 'switchboard-browser-'));
    if (tls) await server.#makeCertificate();
    await server.#run('127.0.0.1:0');
    return server;
  }

  get port() {
    return Number(new URL(this.url).port);
  }

  /** One that only a browser which does not mind accepts. */
  async #makeCertificate() {
    const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(this.#data, name));
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost'];
    await run('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', cert]);
    this.#flags = ['--tls-cert', cert, '--tls-key', key];
  }

  /** Ends the process without giving it a chance to say goodbye. */
  async kill() {
    await this.#end('SIGKILL');
  }

  /** Starts it again, at the same address, with the same data. */
  async restart() {
    await this.#run(`127.0.0.1:${this.port}`);
  }

  /** Replaces the code of the running server; rejected when it was not. */
  async reload() {
    await this.#order('reload');
  }

  /**
   * Ends one of its processes, as a crash does, and waits until another one runs in its place.
   * @param {string} name as in `worker 0`
   */
  async crash(name) {
    const victim = await this.#process(name);
    if (victim === undefined) throw new Error(`no ${name} runs`);
    process.kill(victim, 'SIGKILL');
    await until(`there is another ${name}`, async () => {
      const next = await this.#process(name);
      return next !== undefined && next !== victim;
    });
  }

  async stop() {
    if (this.#child !== null) await this.#end('SIGTERM');
    if (this.#data !== '') await rm(this.#data, { recursive: true, force: true });
  }

  /** @param {string} name */
  async #order(name) {
    const { stdout } = await run(process.env.SWITCHBOARD_CHAT_BIN, [name, '--data', this.#data]);
    return stdout;
  }

  /** The system's number of a process that runs. */
  async #process(name) {
    const [, table] = (await this.#order('status')).split('\n\n');
    const rows = table.split('\n').map((line) => line.split(/ {2,}/));
    const [, pid] = rows.find(([called, , , state]) => called === name && state === 'running') ?? [];
    return pid === undefined ? undefined : Number(pid);
  }

  async #run(listen) {
    const child = spawn(process.env.SWITCHBOARD_CHAT_BIN, ['--listen', listen, '--data', this.#data, '--rate-limits', this.#rateLimits, '--leave-grace', this.#leaveGrace, ...this.#flags], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#child = child;
    const lines = createInterface({ input: child.stdout });
    this.url = await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the server did not print its address within ${START_WITHIN_MS} ms`)), START_WITHIN_MS);
      child.once('exit', (code) => reject(new Error(`the server exited with ${code} before it was ready`)));
      child.once('error', reject);
      lines.on('line', (line) => {
        const [address] = /https?:\/\/[^\s/]+/.exec(line) ?? [];
        if (address === undefined) return;
        clearTimeout(timer);
        resolve(address);
      });
    });
  }

  async #end(signal) {
    const child = this.#child;
    this.#child = null;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    await gone;
    clearTimeout(timer);
  }
}
