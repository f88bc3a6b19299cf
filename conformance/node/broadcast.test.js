import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, start, within } from "./example-server.js";

test("everyone gets everything, the sender too, in the sender's order", async (t) => {
  const server = await start(t, "broadcast", "--reactors", 2);
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(t, server)));
  for (let n = 0; n < 200; n += 1) clients[0].send(n % 2 ? `message ${n}` : Buffer.from(`message ${n}`));
  for (const client of clients) {
    for (let n = 0; n < 200; n += 1) {
      const message = await client.next();
      assert.equal(typeof message, n % 2 ? "string" : "object");
      assert.equal(message.toString(), `message ${n}`);
    }
  }
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  test(`${signal} closes everyone with 1001 and ends the server with status 0`, async (t) => {
    const server = await start(t, "broadcast");
    const clients = await Promise.all(Array.from({ length: 10 }, () => connect(t, server)));
    server.process.kill(signal);
    for (const client of clients) assert.equal((await client.closed()).code, 1001);
    assert.deepEqual(await within(server.exited, "the end of the process"), [0, null]);
  });
}

test("a client that only listens outlives the idle time, because ws answers pings", async (t) => {
  const flags = ["--ping-interval", 1, "--heartbeat-idle-time", 2, "--heartbeat-check-interval", 1];
  const server = await start(t, "broadcast", ...flags);
  const [listener, sender] = [await connect(t, server), await connect(t, server)];
  // Six pings at one a second: three times the idle time.
  const sixPings = new Promise((resolve) => {
    let pings = 0;
    listener.socket.on("ping", () => (pings += 1) === 6 && resolve());
  });
  await within(sixPings, "six pings");
  sender.send("are you there?");
  assert.equal(await listener.next(), "are you there?");
});
