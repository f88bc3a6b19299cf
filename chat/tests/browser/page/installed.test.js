/** The page as a thing that is installed: small, at hand without a network, and never of an old build. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launch, Person, until } from '../support/browser.js';
import { Proxy } from '../support/proxy.js';
import { Server } from '../support/server.js';

/** All that a first visit fetches, compressed. */
const FIRST_VISIT_MAX = 100_000;

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

test('a first visit fetches at most 100 KB, compressed, in a few files; a second one next to nothing', async (t) => {
  const context = await browser.newContext({ serviceWorkers: 'block' });
  t.after(() => context.close());
  const page = await context.newPage();
  const chrome = await context.newCDPSession(page);
  await chrome.send('Network.enable');
  let bytes = 0;
  let files = 0;
  chrome.on('Network.dataReceived', ({ encodedDataLength }) => { bytes += encodedDataLength; });
  chrome.on('Network.loadingFinished', () => { files += 1; });
  await page.goto(server.url, { waitUntil: 'networkidle' });
  await page.locator('name-gate').waitFor();
  t.diagnostic(`${bytes} bytes in ${files} files`);
  assert.ok(files >= 4 && files <= 10, `${files} files: each is waited for`);
  assert.ok(bytes <= FIRST_VISIT_MAX, `${bytes} bytes`);
  const first = bytes;
  await page.reload({ waitUntil: 'networkidle' });
  await page.locator('name-gate').waitFor();
  assert.ok(bytes - first < first / 4, `${bytes - first} bytes the second time`);
});

test('it can be installed, in the language of the page', async (t) => {
  const person = await Person.sitDown(browser, { url: server.url, language: 'zh-CN' });
  t.after(() => person.leave());
  const chrome = await person.context.newCDPSession(person.page);
  for (const [language, lang] of [['zh-CN', 'zh-CN'], ['en', 'en']]) {
    await person.page.locator(`[data-language="${language}"]`).click();
    const { url, errors, data } = await until('there is a manifest', async () => {
      const manifest = await chrome.send('Page.getAppManifest');
      return manifest.data && JSON.parse(manifest.data).lang === lang ? manifest : null;
    });
    assert.deepEqual(errors, [], url);
    for (const { src, sizes } of JSON.parse(data).icons) {
      const icon = await person.page.evaluate(async (address) => {
        const image = new Image();
        image.src = `/${address}`;
        await image.decode();
        return `${image.naturalWidth}x${image.naturalHeight}`;
      }, src);
      if (sizes !== 'any') assert.equal(icon, sizes, src);
    }
  }
  await person.page.evaluate(() => navigator.serviceWorker.ready);
  const { installabilityErrors } = await chrome.send('Page.getInstallabilityErrors');
  assert.deepEqual(installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito'), []);
  assert.deepEqual(person.complaints, []);
});

test('without a network the page is there, and goes on where it was when the network is back; what is kept is the page alone', async (t) => {
  const proxy = await Proxy.start(server.port);
  const person = await Person.sitDown(browser, { url: proxy.url, mayLoseConnection: true });
  t.after(async () => {
    await person.leave();
    await proxy.stop();
  });
  await person.comeIn('Ann');
  await person.say('before');
  await person.stored('before');
  await person.page.evaluate(() => navigator.serviceWorker.ready);
  proxy.cut();
  await person.page.reload();
  await person.page.locator('chat-frame').waitFor();
  await person.say('written without a network');
  await person.page.locator('.message.waiting').waitFor();
  proxy.mend();
  await person.stored('written without a network');
  assert.deepEqual(await person.messages(), ['before', 'written without a network']);
  const kept = await person.page.evaluate(async () => {
    const names = await caches.keys();
    const requests = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return { names, paths: requests.flat().map(({ url }) => new URL(url).pathname) };
  });
  assert.equal(kept.names.length, 1);
  assert.deepEqual(kept.paths.filter((path) => !/^\/(?:index\.html|page\.js|page\.css|styles\/dark\.css|favicon[\w-]*\.svg|manifest[\w.-]*\.webmanifest)$/.test(path)), []);
  assert.ok(kept.paths.includes('/index.html'));
});

test('a page of another build than the server\'s says so after a reconnect, and takes the new one when it is loaded again', async (t) => {
  const proxy = await Proxy.start(server.port);
  const person = await Person.sitDown(browser, { url: proxy.url, mayLoseConnection: true });
  t.after(async () => {
    await person.leave();
    await proxy.stop();
  });
  await person.comeIn('Ann');
  assert.equal(await person.page.locator('update-note').isVisible(), false);
  await person.page.route('**/version', (route) => route.fulfill({ body: '0123456789abcdef' }));
  proxy.cut();
  await person.page.locator('connection-status[data-loudness=note]').waitFor();
  proxy.mend();
  await person.page.locator('update-note', { hasText: 'new version' }).waitFor({ timeout: 60_000 });
  await person.page.unroute('**/version');
  await person.page.evaluate(() => { window.old = true; });
  await person.page.getByRole('button', { name: 'Reload' }).click();
  await person.page.waitForFunction(() => window.old === undefined);
  await person.joined();
  assert.equal(await person.page.locator('update-note').isVisible(), false);
});
