import assert from "node:assert/strict";
import { test } from "node:test";
import { constants, deflateRawSync } from "node:zlib";
import { connect, start } from "./example-server.js";

const MIB = 1 << 20;

const texts = ["x", "compress me ".repeat(1000), "grüße, 你好, 🙂 ".repeat(20_000), Buffer.from([0, 255]), Buffer.alloc(MIB, 7)];

for (const options of [
  { threshold: 0 },
  { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
  { threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
  { threshold: 0, serverMaxWindowBits: 12, clientMaxWindowBits: true },
]) {
  test(`ws and the server understand each other: ${JSON.stringify(options)}`, async (t) => {
    const client = await connect(t, await start(t, "echo", "--deflate"), { perMessageDeflate: options });
    assert.match(client.socket.extensions, /permessage-deflate/);
    for (const text of [...texts, ...texts]) {
      client.send(text);
      assert.deepEqual(await client.next(), text);
    }
  });
}

test("fragments of a compressed message are joined, and a ping between them is answered", async (t) => {
  const client = await connect(t, await start(t, "echo", "--deflate"), { perMessageDeflate: { threshold: 0 } });
  for (const part of ["one, ".repeat(500), "", "two, "]) client.send(part, { fin: false });
  client.socket.ping();
  client.send("three", { fin: true });
  assert.equal(await client.next(), `${"one, ".repeat(500)}two, three`);
});

test("a broadcast reaches those who compress and those who do not", async (t) => {
  const server = await start(t, "broadcast", "--deflate");
  const clients = [];
  for (const perMessageDeflate of [{}, { serverMaxWindowBits: 10 }, { serverNoContextTakeover: true }, false]) {
    clients.push(await connect(t, server, { perMessageDeflate }));
  }
  for (let n = 0; n < 20; n += 1) {
    const message = `${n} ${"to everybody ".repeat(30 * n)}`;
    clients[n % clients.length].send(message);
    for (const client of clients) assert.equal(await client.next(), message);
  }
});

test("a bomb is closed with 1009", async (t) => {
  const server = await start(t, "echo", "--deflate");
  const client = await connect(t, server, { perMessageDeflate: { threshold: 0 } });
  const other = await connect(t, server, { perMessageDeflate: { threshold: 0 } });
  const payload = deflateRawSync(Buffer.alloc(200 * MIB), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  const { Sender } = await import("ws");
  const frame = Sender.frame(payload, { fin: true, rsv1: true, opcode: 2, mask: true, readOnly: false });
  client.socket._socket.write(Buffer.concat(frame));
  assert.equal((await client.closed()).code, 1009);
  other.send("still here");
  assert.equal(await other.next(), "still here");
});
