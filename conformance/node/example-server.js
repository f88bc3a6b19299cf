// The example servers, each a process of its own, and `ws` clients of them.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import WebSocket from "ws";

// Long enough for a loaded machine with two cores; only a failing test ever waits this long.
export const DEADLINE_MS = 20_000;

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** The folder of the built examples: SWITCHBOARD_EXAMPLES if that is set, else where cargo puts them. */
function examplesFolder() {
  if (process.env.SWITCHBOARD_EXAMPLES) return path.resolve(repository, process.env.SWITCHBOARD_EXAMPLES);
  const metadata = execFileSync("cargo", ["metadata", "--no-deps", "--format-version", "1"], {
    cwd: repository,
    maxBuffer: 1 << 26,
  });
  return path.join(JSON.parse(metadata).target_directory, "debug", "examples");
}

/** Rejects with `what` if `promise` is not settled in time. */
export async function within(promise, what, milliseconds = DEADLINE_MS) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${milliseconds} ms: ${what}`)), milliseconds);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

// How the examples run: `base` or `process`. In the latter with more than one worker and reactor, so that what one client
// does reaches another through a second one of each.
const MODES = { base: {}, process: { "--mode": "process", "--workers": 2, "--reactors": 2 } };
const modeFlags = MODES[process.env.SWITCHBOARD_MODE ?? "base"];
if (!modeFlags) throw new Error(`SWITCHBOARD_MODE can be ${Object.keys(MODES).join(" or ")}`);

/** A test's own flags, and those of the mode that it does not set itself. */
function allFlags(flags) {
  const added = Object.entries(modeFlags).filter(([flag]) => !flags.includes(flag));
  return [...flags, ...added.flat()].map(String);
}

/** Starts an example on a free port; it is gone when the test `t` is. */
export async function start(t, name, ...flags) {
  const child = spawn(path.join(examplesFolder(), name), [...allFlags(flags), "--listen", "127.0.0.1:0"], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit");
  let log = "";
  child.stderr.on("data", (data) => (log += data));
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await exited;
    if (log) t.diagnostic(log.slice(-4000));
  });
  const line = new Promise((resolve) => createInterface(child.stdout).once("line", resolve));
  const ended = exited.then(() => Promise.reject(new Error(`${name} ended at its start:\n${log}`)));
  ended.catch(() => {});
  const [, address] = /^listening on (.+)$/.exec(await within(Promise.race([line, ended]), `${name} listens`));
  return { uri: `ws://${address}/`, process: child, exited };
}

/** An open `ws` client whose messages wait in a queue until `next()` takes them. */
export async function connect(t, server, options = {}) {
  const socket = new WebSocket(server.uri, options.protocols ?? [], { maxPayload: 1 << 28, ...options });
  const waiting = [];
  const takers = [];
  socket.on("message", (data, isBinary) => {
    const message = isBinary ? data : data.toString();
    if (takers.length > 0) takers.shift()(message);
    else waiting.push(message);
  });
  const closed = new Promise((resolve) => {
    socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  t.after(() => socket.terminate());
  await within(once(socket, "open"), "the connection is open");
  socket.on("error", () => {}); // `closed` tells how it ended
  return {
    socket,
    closed: () => within(closed, "the connection is closed"),
    send: (message, sendOptions = {}) => socket.send(message, sendOptions),
    next: () =>
      waiting.length > 0
        ? Promise.resolve(waiting.shift())
        : within(new Promise((resolve) => takers.push(resolve)), "a message"),
  };
}
