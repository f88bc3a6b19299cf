import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readAgent } from '../../../web/text/agent.js';
import { invitationFromHash, invitationLink, roomFromHash } from '../../../web/state/address.js';

test('browsers and systems are called what people call them', () => {
  const webkit = 'AppleWebKit/537.36 (KHTML, like Gecko)';
  for (const [agent, browser, system] of [
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox', 'Linux'],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/140.0.0.0 Safari/537.36`, 'Chrome', 'Windows'],
    [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${webkit} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0`, 'Edge', 'macOS'],
    [`Mozilla/5.0 (Linux; Android 10; K) ${webkit} Chrome/140.0.0.0 Mobile Safari/537.36`, 'Chrome', 'Android'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1', 'Safari', 'iPhone'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/140.0 Mobile/15E148 Safari/604.1', 'Chrome', 'iPhone'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0', 'WeChat', 'iPhone'],
    [`Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) ${webkit} Chrome/140.0.0.0 Safari/537.36`, 'Chrome', 'ChromeOS'],
    ['curl/8.14.1', '', ''], ['', '', ''],
  ]) assert.deepEqual(readAgent(agent), { browser, system }, agent);
});

test('an invitation is in the fragment of a link, and no room', () => {
  const token = 'ab'.repeat(32);
  const link = invitationLink(token, 'https://chat.example/?m=3#tea');
  assert.equal(link, `https://chat.example/#invitation=${token}`);
  const { hash } = new URL(link);
  assert.equal(invitationFromHash(hash), token);
  assert.equal(roomFromHash(hash), null);
  assert.equal(invitationFromHash('#invitation='), '');
  for (const other of ['', '#', '#invitation', '#tea', '#an-invitation=x']) assert.equal(invitationFromHash(other), null, other);
});
