/** Time, chance and sockets in the hands of the test. */

export class FakeSocket {
  sent = [];
  closed = null;
  onopen = null;
  onmessage = null;
  onclose = null;
  onerror = null;

  constructor(protocol) {
    this.protocol = protocol;
  }

  send(data) {
    this.sent.push(JSON.parse(data));
  }

  close(code, reason) {
    this.closed = { code, reason };
  }

  open() {
    this.onopen?.({});
  }

  receive(frame) {
    this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) });
  }

  lose(code = 1006, reason = '') {
    this.onclose?.({ code, reason });
  }

  /** The requests of a type that were sent. */
  requests(type) {
    return this.sent.filter((frame) => frame.type === type);
  }
}

export class FakeWorld {
  sockets = [];
  time = 1_000;
  chance = 0.5;
  #timers = new Map();
  #nextTimer = 1;

  surroundings = {
    open: (protocol) => {
      const socket = new FakeSocket(protocol);
      this.sockets.push(socket);
      return socket;
    },
    setTimer: (callback, milliseconds) => {
      this.#timers.set(this.#nextTimer, { callback, at: this.time + milliseconds });
      return this.#nextTimer++;
    },
    clearTimer: (timer) => { this.#timers.delete(timer); },
    now: () => this.time,
    random: () => this.chance,
  };

  get socket() {
    return this.sockets.at(-1);
  }

  /** Lets time pass, and every timer run that falls into it. */
  pass(milliseconds) {
    const until = this.time + milliseconds;
    for (;;) {
      const [next] = [...this.#timers].filter(([, { at }]) => at <= until).sort((a, b) => a[1].at - b[1].at);
      if (next === undefined) break;
      this.#timers.delete(next[0]);
      this.time = next[1].at;
      next[1].callback();
    }
    this.time = until;
  }
}

export class FakeStorage {
  items = new Map();
  getItem(key) { return this.items.get(key) ?? null; }
  setItem(key, value) { this.items.set(key, value); }
  removeItem(key) { this.items.delete(key); }
}

/** What promises have to say is said after this. */
export function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}

export function message(seq, data = `message ${seq}`, from = 'Bob', room = 'lobby') {
  return { room, seq, from, data, ts: 1_763_800_000_000 + seq * 1000, deleted: false, change: 0, reactions: [] };
}

/** Messages of a room from one seq to another, both included. */
export function messages(from, to, room = 'lobby') {
  return Array.from({ length: to - from + 1 }, (_, i) => message(from + i, undefined, undefined, room));
}
