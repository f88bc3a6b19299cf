/** No markup and no script comes through any field of the protocol, the address or the page's memory: it is all text. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch, Person, until } from '../support/browser.js';
import { HOSTILE, HOSTILE_MARKDOWN, Traps } from '../support/hostile.js';
import { RawClient } from '../support/raw-client.js';
import { Server } from '../support/server.js';

let server;
let browser;
before(async () => {
  server = await Server.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Somebody whose page is attacked. */
async function victim(t, options = {}) {
  const ann = await Person.sitDown(browser, { url: server.url, ...options });
  const traps = new Traps(ann, server.url);
  t.after(async () => {
    await traps.check('at the end');
    await ann.leave();
    assert.deepEqual(ann.complaints, [], 'no errors, and nothing that the security policy forbids');
  });
  return { ann, traps };
}

/** The JSON of a frame, with half characters as escapes. @param {Record<string, unknown>} frame */
const json = (frame) => JSON.stringify(frame);

/** All texts of the elements that match. */
const texts = (ann, selector) => ann.page.locator(selector).allTextContents();

test('the traps notice what they are there for, and the browser makes no markup of text', async () => {
  const ann = await Person.sitDown(browser, { url: server.url });
  const traps = new Traps(ann, server.url);
  await ann.page.locator('#name-input').waitFor();
  await traps.check('nothing');
  const refused = await ann.page.evaluate(() => {
    const attempts = [() => { document.body.innerHTML = '<b>x</b>'; }, () => document.write('x'), () => { document.createElement('script').text = 'alert(1)'; }];
    return attempts.map((attempt) => { try { attempt(); return String(attempt); } catch { return ''; } });
  });
  assert.deepEqual(refused, ['', '', ''], 'the policy forbids it');
  await ann.page.evaluate(() => document.body.append(document.createElement('img')));
  await assert.rejects(traps.check('an image'));
  await ann.leave();
});

test('a message is text, whatever it is', async (t) => {
  const { ann, traps } = await victim(t);
  await ann.comeIn('Ann');
  const mallory = await RawClient.connect(browser, server.url, 'Mallory');
  await mallory.join('lobby');
  for (const [what, text] of HOSTILE) {
    const frames = await mallory.raw(json({ type: 'message', room: 'lobby', text }));
    const stored = frames.find((frame) => frame.type === 'message' && frame.from === 'Mallory');
    if (stored === undefined) {
      assert.equal(frames.find((frame) => frame.type === 'error')?.room ?? 'lobby', 'lobby');
      assert.ok(['bad_json', 'empty_text', 'text_too_long'].includes(frames.find((frame) => frame.type === 'error').code), what);
      continue;
    }
    const shown = ann.page.locator(`.message[data-seq="${stored.seq}"] .text`);
    await shown.waitFor();
    if (stored.html === undefined) assert.equal(await shown.textContent(), stored.data, what);
    await traps.check(what);
  }
  // What one writes oneself takes another way, and comes back by the first.
  for (const [what, text] of HOSTILE.slice(0, 20)) {
    await ann.say(text);
    await until(`${what} is stored`, async () => (await texts(ann, '.message.own[data-seq] .text')).at(-1) === text.trim());
    await traps.check(what);
  }
  await ann.page.reload();
  await ann.joined();
  await traps.check('after it was read from the database');
  await mallory.leave();
});

test('Markdown makes nothing of a text but what it is for, in every field that shows it', async (t) => {
  const { ann, traps } = await victim(t);
  await ann.comeIn('Ann');
  const mallory = await RawClient.connect(browser, server.url, 'Mallory 5');
  await mallory.join('lobby');
  for (const [what, text] of [...HOSTILE_MARKDOWN, ...HOSTILE.map(([name, string]) => [`${name}, in bold`, `**${string.toWellFormed().slice(0, 2_000)}**`])]) {
    const [stored] = (await mallory.raw(json({ type: 'message', room: 'lobby', text, id: `md ${what}` }))).filter((frame) => frame.type === 'message');
    if (stored === undefined) continue;
    await mallory.raw(json({ type: 'message', room: 'lobby', text: `in answer to ${what}`, reply_to: stored.seq }));
    await mallory.raw(json({ type: 'react', room: 'lobby', seq: stored.seq, emoji: text, on: true }));
    await mallory.raw(json({ type: 'edit', room: 'lobby', seq: stored.seq, text: `${text}\n` }));
    await ann.page.locator(`.message[data-seq="${stored.seq + 1}"] .quote`).waitFor();
    await traps.check(what);
  }
  await ann.page.reload();
  await ann.joined();
  await traps.check('after it was read from the database');
  await mallory.leave();
});

test('a frame whose HTML no server of ours has written is shown as text', async (t) => {
  const { ann, traps } = await victim(t);
  const attacks = [...HOSTILE, ...HOSTILE_MARKDOWN].map(([, text]) => text.toWellFormed());
  await ann.page.routeWebSocket('**/ws', (socket) => {
    const upstream = socket.connectToServer();
    upstream.onMessage((raw) => {
      const frame = JSON.parse(String(raw));
      if (frame.type === 'joined') {
        frame.messages = attacks.map((html, at) => ({ type: 'message', data: `text ${at}`, seq: at + 1, from: html, ts: at + 1, html: `<p>${html}</p>`, change: 1, edited: 1,
          reply: { seq: 1, from: html, data: html, deleted: false }, reactions: [{ emoji: html, count: 1, from: [html], mine: true }] }));
        frame.seq = attacks.length;
      }
      socket.send(JSON.stringify(frame));
    });
  });
  await ann.page.reload();
  await ann.comeIn('Ann');
  await ann.page.locator('.message .quote').last().waitFor();
  await traps.check('forged HTML, quotes and reactions');
});

test('a name is text, whatever it is', async (t) => {
  const { ann, traps } = await victim(t);
  await ann.comeIn('Ann');
  const mallory = await RawClient.connect(browser, server.url, 'Mallory 2');
  await mallory.join('lobby');
  let taken = 0;
  for (const [what, name] of HOSTILE) {
    const frames = await mallory.raw(json({ type: 'connect', text: name, client: 'x' }));
    const welcome = frames.find((frame) => frame.type === 'welcome');
    if (welcome === undefined) {
      assert.ok(['bad_json', 'bad_name', 'name_too_long', 'name_taken'].includes(frames.find((frame) => frame.type === 'error').code), what);
      continue;
    }
    taken += 1;
    await mallory.say('lobby', `I am ${what}`);
    await ann.message(`I am ${what}`).waitFor();
    await until(`${what} is in the list`, async () => (await texts(ann, '.person-name')).includes(welcome.name));
    assert.equal((await texts(ann, '.message .author')).at(-1), welcome.name, what);
    await traps.check(what);
  }
  assert.ok(taken > 15, `${taken} of them are names`);
  await mallory.leave();
});

test('a room\'s title and key are text, whatever they are', async (t) => {
  const { ann, traps } = await victim(t);
  await ann.comeIn('Ann');
  const mallory = await RawClient.connect(browser, server.url, 'Mallory 3');
  let made = 0;
  for (const [what, title] of HOSTILE) {
    const frames = await mallory.raw(json({ type: 'create', room: title }));
    const created = frames.find((frame) => frame.type === 'created');
    if (created === undefined) {
      assert.ok(['bad_json', 'bad_room', 'room_exists'].includes(frames.find((frame) => frame.type === 'error').code), what);
      continue;
    }
    made += 1;
    const room = ann.page.locator(`[data-room=${JSON.stringify(created.room)}]`);
    await room.click();
    await until(`${what} is the title`, async () => (await texts(ann, '.room-title')).includes(created.title));
    await ann.joined();
    await ann.say(`in ${what}`);
    await ann.stored(`in ${what}`);
    await traps.check(what);
  }
  assert.ok(made > 15, `${made} of them are titles`);
  // All of them are remembered, and entered again by one request.
  await ann.page.reload();
  await ann.joined();
  await traps.check('after a reload');
  await mallory.leave();
});

test('ids, keys, types and unknown keys are echoed to nobody else, and as text', async (t) => {
  const { ann, traps } = await victim(t);
  await ann.comeIn('Ann');
  const mallory = await RawClient.connect(browser, server.url, 'Mallory 4');
  await mallory.join('lobby');
  for (const [what, text] of HOSTILE) {
    const id = text.slice(0, 16);
    for (const frame of [
      { type: 'message', room: 'lobby', text: `by the id: ${what}`, id },
      { type: 'message', room: 'lobby', text: `by unknown keys: ${what}`, [text]: text, from: text, ts: text, seq: text },
      { type: text },
      { type: 'message', room: text, text: 'x' },
      { type: 'join', room: text },
      { type: 'who', room: text },
      { type: 'history', room: text, before: 3 },
      { type: 'resume', rooms: { [text]: 1 } },
      { type: 'connect', text: 'Mallory 4', client: id },
    ]) {
      for (const answer of await mallory.raw(json(frame))) {
        if (answer.type === 'message') assert.equal(answer.from, 'Mallory 4', what);
      }
    }
    await traps.check(what);
  }
  for (const raw of ['{"__proto__":{"polluted":1},"type":"message","text":"proto","constructor":{"prototype":{"polluted":1}}}', '{"type":"message","text":"\\ud83d\\ude00 \\ud800"}', '<script>alert(1)</script>', '\u0000', '[]', '{"type":"message","text":{"toString":"x"}}']) {
    await mallory.raw(raw);
    await traps.check(raw);
  }
  await mallory.leave();
});

test('the address is text, whatever it is', async (t) => {
  const { ann, traps } = await victim(t);
  await ann.comeIn('Ann');
  const { page } = ann;
  const visit = async (address) => {
    await page.evaluate(() => localStorage.removeItem('switchboard.rooms'));
    await page.goto('about:blank');
    await page.goto(server.url + address);
    await page.locator('chat-frame').waitFor();
    await traps.check(address);
  };
  for (const [at, [what, text]] of HOSTILE.entries()) {
    const plain = text.toWellFormed().slice(0, 1_000).replaceAll(/[\u0000-\u0020]/g, '');
    const encoded = encodeURIComponent(text.toWellFormed().slice(0, 300));
    // A page is loaded for some of them, and the others come to one that is there.
    if (at % 6 === 0) await visit(`/#${plain}`);
    else if (at % 6 === 3) await visit(`/?q=${encoded}&room=${encoded}#${encoded}`);
    else {
      await page.evaluate((hash) => { location.hash = hash; }, at % 2 === 0 ? plain : encoded);
      await traps.check(what);
    }
  }
  await visit('/#<img src=y onerror=alert(2)>');
  await until('the room that there is not is named', async () => (await texts(ann, 'room-state')).join('').includes('<img-src=y-onerror=alert(2)>'));
});

test('what another page has left in the memory of this one is text', async (t) => {
  const { ann, traps } = await victim(t);
  const strings = HOSTILE.map(([, text]) => text);
  while (strings.length > 0) {
    const some = strings.splice(0, 6);
    await ann.page.evaluate((values) => {
      const [name, room, language, tab, text, last] = Array.from({ length: 6 }, (_, i) => values[i % values.length]);
      localStorage.setItem('switchboard.name', name.slice(0, 20));
      localStorage.setItem('switchboard.room', room);
      localStorage.setItem('switchboard.language', language);
      localStorage.setItem('switchboard.rooms', `{"__proto__":1,"lobby":null,${values.map((value) => `${JSON.stringify(value.slice(0, 40))}:2`).join(',')}}`);
      sessionStorage.setItem('switchboard.room', tab);
      const outgoing = values.map((value, i) => ({ id: `x${i}`, room: value, text, state: ['waiting', 'failed'][i % 2], code: value, sentence: last, ts: 1, attempts: 1, echo: null }));
      sessionStorage.setItem('switchboard.outbox', JSON.stringify([...outgoing, last, null]).replace('"x0"', '"x0","__proto__":{"polluted":1}'));
    }, some);
    await ann.page.reload();
    await ann.page.locator('chat-frame, name-gate').first().waitFor();
    for (const text of some) await traps.check(text);
  }
  await ann.page.evaluate(() => { localStorage.clear(); sessionStorage.clear(); });
});

test('text in another direction stays inside of its own line', async (t) => {
  const { ann } = await victim(t);
  await ann.comeIn('Ann');
  const mallory = await RawClient.connect(browser, server.url, 'שלום');
  await mallory.join('lobby');
  await mallory.say('lobby', '\u202e\u2067\u202dnot ended', 'مرحبا بالعالم');
  await ann.stored('مرحبا بالعالم');
  for (const selector of ['.message .author', '.person-name', '.room .room-name, .room bdi']) {
    for (const isolation of await ann.page.locator(selector).evaluateAll((all) => all.map((e) => getComputedStyle(e).unicodeBidi))) {
      assert.match(isolation, /isolate/, selector);
    }
  }
  for (const isolation of await ann.page.locator('.message .text').evaluateAll((all) => all.map((e) => getComputedStyle(e).unicodeBidi))) {
    assert.match(isolation, /isolate|plaintext/);
  }
  const directions = await ann.page.locator('.message .text').evaluateAll((all) => all.slice(-1).map((e) => getComputedStyle(e).direction));
  assert.deepEqual(directions, ['rtl'], 'Arabic is read from the right');
  await mallory.leave();
});
