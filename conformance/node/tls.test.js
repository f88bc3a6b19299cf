import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import https from "node:https";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { connect, start, within } from "./example-server.js";

/** Starts an example behind a certificate of its own. */
async function startSecure(t, name, ...flags) {
  const folder = mkdtempSync(path.join(tmpdir(), "switchboard-tls-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [cert, key] = [path.join(folder, "cert.pem"), path.join(folder, "key.pem")];
  const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  execFileSync("openssl", [...request, ...names, "-keyout", key, "-out", cert], { stdio: "ignore" });
  const server = await start(t, name, "--tls-cert", cert, "--tls-key", key, ...flags);
  return { ...server, uri: server.uri.replace("ws:", "wss:"), ca: readFileSync(cert) };
}

for (const version of ["TLSv1.2", "TLSv1.3"]) {
  test(`messages of every size come back by ${version}`, async (t) => {
    const server = await startSecure(t, "echo");
    const client = await connect(t, server, { ca: server.ca, minVersion: version, maxVersion: version });
    for (const message of ["", "grüße, 你好, 🙂", "x".repeat(1 << 20), Buffer.alloc(100_000, 7)]) {
      client.send(message);
      assert.deepEqual(await client.next(), message);
    }
    for (let n = 0; n < 1000; n += 1) client.send(`message ${n}`);
    for (let n = 0; n < 1000; n += 1) assert.equal(await client.next(), `message ${n}`);
    client.socket.close(3000, "a reason");
    assert.equal((await client.closed()).code, 3000);
  });
}

test("a broadcast reaches everybody", async (t) => {
  const server = await startSecure(t, "broadcast");
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(t, server, { ca: server.ca })));
  clients[0].send("to all");
  for (const client of clients) assert.equal(await client.next(), "to all");
});

test("an ordinary request is answered", async (t) => {
  const server = await startSecure(t, "echo");
  const answer = new Promise((resolve, reject) => {
    https.get(server.uri.replace("wss:", "https:"), { ca: server.ca }, resolve).on("error", reject);
  });
  assert.equal((await within(answer, "an answer")).statusCode, 426);
});
