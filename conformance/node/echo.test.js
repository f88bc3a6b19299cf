import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import WebSocket from "ws";
import { connect, start, within } from "./example-server.js";

const MIB = 1 << 20;

test("text and binary come back as they were sent", async (t) => {
  const client = await connect(t, await start(t, "echo"));
  const messages = ["", "grüße, 你好, 🙂", "x".repeat(MIB), Buffer.alloc(0), Buffer.from([0, 255]), Buffer.alloc(MIB, 7)];
  for (const message of messages) {
    client.send(message);
    assert.deepEqual(await client.next(), message);
  }
});

test("a thousand messages come back in order", async (t) => {
  const client = await connect(t, await start(t, "echo"));
  for (let n = 0; n < 1000; n += 1) client.send(`message ${n}`);
  for (let n = 0; n < 1000; n += 1) assert.equal(await client.next(), `message ${n}`);
});

test("a fragmented message comes back whole, and a ping between its fragments is answered", async (t) => {
  const client = await connect(t, await start(t, "echo"));
  client.send("one, ", { fin: false });
  client.send("two, ", { fin: false });
  const pong = once(client.socket, "pong");
  client.socket.ping("between");
  assert.equal((await within(pong, "a pong"))[0].toString(), "between");
  client.send("three", { fin: true });
  assert.equal(await client.next(), "one, two, three");
});

test("a message of the maximum size comes back, one byte more is closed with 1009", async (t) => {
  const client = await connect(t, await start(t, "echo", "--max-message", 65536));
  client.send(Buffer.alloc(65536, 1));
  assert.equal((await client.next()).length, 65536);
  client.send(Buffer.alloc(65537, 1));
  assert.equal((await client.closed()).code, 1009);
});

for (const code of [1000, 1001, 1011, 3000, 4999]) {
  test(`close code ${code} is echoed`, async (t) => {
    const client = await connect(t, await start(t, "echo"));
    client.socket.close(code, "a reason");
    assert.equal((await client.closed()).code, code);
  });
}

test("a close without a code is answered", async (t) => {
  const client = await connect(t, await start(t, "echo"));
  client.socket.close();
  assert.ok([1000, 1005].includes((await client.closed()).code));
});

test("the compression that ws offers is declined or agreed on, never misunderstood", async (t) => {
  const client = await connect(t, await start(t, "echo"), { perMessageDeflate: { threshold: 0 } });
  for (const message of ["compress me ".repeat(1000), Buffer.alloc(100_000)]) {
    client.send(message);
    assert.deepEqual(await client.next(), message);
  }
});

test("no subprotocol is invented", async (t) => {
  const server = await start(t, "echo");
  const client = await connect(t, server);
  assert.equal(client.socket.protocol, "");
  // ws refuses a response without a subprotocol when it has offered some: RFC 6455 leaves that to the client.
  const offering = new WebSocket(server.uri, ["chat", "superchat"]);
  const [outcome] = await within(
    Promise.race([once(offering, "error"), once(offering, "open").then(() => [offering.protocol])]),
    "an answer",
  );
  offering.on("error", () => {});
  offering.terminate();
  if (outcome instanceof Error) assert.match(outcome.message, /no subprotocol/);
  else assert.equal(outcome, "");
});

test("beyond the maximum of connections ws sees 503 and Retry-After", async (t) => {
  const server = await start(t, "echo", "--max-connections", 1);
  const held = await connect(t, server);
  const refused = new WebSocket(server.uri);
  refused.on("error", () => {});
  const [request, response] = await within(once(refused, "unexpected-response"), "a refusal");
  assert.equal(response.statusCode, 503);
  assert.ok(Number(response.headers["retry-after"]) >= 1);
  request.destroy();
  held.send("still here");
  assert.equal(await held.next(), "still here");
});

test("another protocol version gets 426 and is told the right one", async (t) => {
  const refused = new WebSocket((await start(t, "echo")).uri, { protocolVersion: 8 });
  refused.on("error", () => {});
  const [request, response] = await within(once(refused, "unexpected-response"), "a refusal");
  assert.equal(response.statusCode, 426);
  assert.equal(response.headers["sec-websocket-version"], "13");
  request.destroy();
});
