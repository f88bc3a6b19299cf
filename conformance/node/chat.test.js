import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, start } from "./example-server.js";

test("two people say hello and talk, by the smallest chat protocol", async (t) => {
  const server = await start(t, "chat");
  const [ann, ben] = [await connect(t, server), await connect(t, server)];
  const everyoneGets = async (type, data) => {
    for (const person of [ann, ben]) {
      const message = JSON.parse(await person.next());
      assert.equal(message.type, type);
      assert.equal(message.data, data);
    }
  };
  ann.send(JSON.stringify({ type: "connect", text: "Ann" }));
  await everyoneGets("connect", "Welcome Ann to join us");
  ben.send(JSON.stringify({ type: "connect", text: "李雷" }));
  await everyoneGets("connect", "Welcome 李雷 to join us");
  ann.send(JSON.stringify({ type: "message", text: "hi" }));
  await everyoneGets("message", "hi");
  ben.send(JSON.stringify({ type: "message", text: "你好" }));
  await everyoneGets("message", "你好");
});
