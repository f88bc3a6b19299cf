/**
 * One WebSocket that comes back by itself.
 *
 * It knows nothing of rooms: it opens, hands over frames, notices when the other side has gone, waits, and opens again.
 * Sockets, timers and chance are arguments, so that a test can be all three.
 */

import { reconnectDelay } from './backoff.js';
import { parseFrame } from './frames.js';

/** @import { Frame, Request } from './frames.js' */

/** The subprotocol that asks for the whole protocol. */
const SUBPROTOCOL = 'switchboard.v1';

/** A connection that lasted this long, in milliseconds, was a good one: the next delay starts small again. */
const GOOD_AFTER_MS = 5_000;

/** A server that leaves a request unanswered, and says nothing else, for this long is taken for gone. */
const ANSWER_WITHIN_MS = 10_000;

/** An attempt to connect is given up after this long. */
const OPEN_WITHIN_MS = 20_000;

/** The close codes by which a server says: stay away. */
const STAY_AWAY = { from: 3500, to: 3999 };

/** The close code with which this page leaves a connection that it holds for dead. */
const CLOSE_NO_ANSWER = 3000;

/** The one with which it leaves to come back as somebody else. */
const CLOSE_RENEWED = 3003;

/** The code with which we leave a connection that has come to be somebody else's. */
const CLOSE_ENDED = 3004;

/**
 * `idle`: not started. `connecting`: an attempt is under way. `open`: frames go both ways.
 * `waiting`: the next attempt comes by itself. `stopped`: the server asked us to stay away.
 * @typedef {'idle' | 'connecting' | 'open' | 'waiting' | 'stopped'} Phase
 */

/**
 * What a WebSocket has that this file needs.
 * @typedef {{
 *   onopen: ((event: any) => void) | null, onmessage: ((event: any) => void) | null,
 *   onclose: ((event: any) => void) | null, onerror: ((event: any) => void) | null,
 *   send(data: string): void, close(code?: number, reason?: string): void }} Socket
 */

/**
 * @typedef {object} Surroundings
 * @property {(protocol: string) => Socket} open
 * @property {(callback: () => void, milliseconds: number) => number} setTimer
 * @property {(timer: number) => void} clearTimer
 * @property {() => number} now milliseconds of any clock that does not go back
 * @property {() => number} random
 */

/**
 * @typedef {object} Listener
 * @property {() => void} onOpen
 * @property {(frame: Frame) => void} onFrame
 * @property {() => void} onPhase the phase has changed
 */

export class Connection {
  /** @type {Phase} */
  phase = 'idle';
  /** Why the server asked us to stay away. */
  stopReason = '';
  stopCode = 0;
  /** When the next attempt comes, by the clock of the surroundings; while `waiting`. */
  nextAt = 0;

  /** @type {Surroundings} */
  #surroundings;
  /** @type {Listener} */
  #listener;
  /** @type {Socket | null} */
  #socket = null;
  #attempt = 0;
  #openedAt = 0;
  /** @type {number | null} the timer of the next attempt, or of the attempt under way */
  #timer = null;
  /** @type {number | null} runs while an answer is owed */
  #answerTimer = null;

  /**
   * @param {Surroundings} surroundings
   * @param {Listener} listener
   */
  constructor(surroundings, listener) {
    this.#surroundings = surroundings;
    this.#listener = listener;
  }

  /** Connects now: the first time, instead of waiting, or after having been asked to stay away. */
  connect() {
    if (this.phase === 'connecting' || this.phase === 'open') return;
    this.#clearTimer();
    this.#setPhase('connecting');
    let socket;
    try {
      socket = this.#surroundings.open(SUBPROTOCOL);
    } catch {
      this.#waitAndConnect();
      return;
    }
    this.#socket = socket;
    socket.onopen = () => this.#opened(socket);
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = (event) => this.#closed(event.code, event.reason);
    socket.onerror = null; // a close event always follows
    this.#timer = this.#surroundings.setTimer(() => this.drop(), OPEN_WITHIN_MS);
  }

  /** Something has changed that makes an attempt worth it: the network is back, the page is looked at again. */
  hurry() {
    if (this.phase === 'waiting') this.connect();
  }

  /** Leaves a connection that is held for dead, without waiting for its close handshake, and starts anew. */
  drop() {
    const socket = this.#socket;
    if (socket === null) return;
    this.#detach();
    socket.close(CLOSE_NO_ANSWER, 'no answer');
    this.#waitAndConnect();
  }

  /** Leaves, and does not come back by itself. */
  end() {
    const socket = this.#socket;
    this.#detach();
    socket?.close(CLOSE_ENDED, 'ended');
    this.#setPhase('idle');
  }

  /** Comes anew at once: what is shown with the handshake has changed. */
  renew() {
    const socket = this.#socket;
    this.#detach();
    socket?.close(CLOSE_RENEWED, 'renewed');
    if (this.phase === 'connecting' || this.phase === 'open') this.#setPhase('waiting');
    this.connect();
  }

  /**
   * Every request is answered; silence means that the connection is dead.
   * @param {Request & { id: string }} request
   * @returns {boolean} false while there is no open connection: nothing was sent
   */
  send(request) {
    if (this.phase !== 'open' || this.#socket === null) return false;
    this.#socket.send(JSON.stringify(request));
    this.#answerTimer ??= this.#surroundings.setTimer(() => this.drop(), ANSWER_WITHIN_MS);
    return true;
  }

  /** Sends what no answer comes to, or nothing while there is no open connection. @param {Request} request */
  tell(request) {
    if (this.phase === 'open') this.#socket?.send(JSON.stringify(request));
  }

  /** @param {Socket} socket */
  #opened(socket) {
    if (socket !== this.#socket) return;
    this.#clearTimer();
    this.#openedAt = this.#surroundings.now();
    this.#setPhase('open');
    this.#listener.onOpen();
  }

  /** @param {unknown} data */
  #received(data) {
    this.#clearAnswerTimer();
    const frame = parseFrame(data);
    if (frame !== null) this.#listener.onFrame(frame);
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #closed(code, reason) {
    this.#detach();
    if (code >= STAY_AWAY.from && code <= STAY_AWAY.to) {
      this.stopReason = reason;
      this.stopCode = code;
      this.#setPhase('stopped');
    } else {
      this.#waitAndConnect();
    }
  }

  #waitAndConnect() {
    const { now, random, setTimer } = this.#surroundings;
    if (this.#openedAt !== 0 && now() - this.#openedAt >= GOOD_AFTER_MS) this.#attempt = 0;
    this.#openedAt = 0;
    const delay = reconnectDelay(this.#attempt, random);
    this.#attempt += 1;
    this.nextAt = now() + delay;
    this.#timer = setTimer(() => this.connect(), delay);
    this.#setPhase('waiting');
  }

  #detach() {
    this.#clearTimer();
    this.#clearAnswerTimer();
    const socket = this.#socket;
    this.#socket = null;
    if (socket === null) return;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
  }

  /** @param {Phase} phase */
  #setPhase(phase) {
    this.phase = phase;
    this.#listener.onPhase();
  }

  #clearTimer() {
    if (this.#timer !== null) this.#surroundings.clearTimer(this.#timer);
    this.#timer = null;
  }

  #clearAnswerTimer() {
    if (this.#answerTimer !== null) this.#surroundings.clearTimer(this.#answerTimer);
    this.#answerTimer = null;
  }
}
