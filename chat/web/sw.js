/**
 * Keeps the page at hand for when there is no network: the files that it consists of, of one build, and nothing else; no
 * message ever passes through here, and nothing but these files is answered.
 *
 * The network comes first, always: whoever loads the page gets the server's own build, all of it, and what is kept here
 * replaces it only as a whole. The server fills in which build this is, so that another build is another worker.
 */

const VERSION = '%version%';
const FILES = '%files%'.split(' ');
const CACHE = `shell-${VERSION}`;

/** A network that is there, but answers nothing, is waited for this long, in milliseconds. */
const NETWORK_WITHIN_MS = 5_000;

/** (The type check knows windows, not workers.) @type {any} */
const worker = globalThis;

worker.addEventListener('install', (/** @type {any} */ event) => {
  event.waitUntil(keep());
  worker.skipWaiting();
});

worker.addEventListener('activate', (/** @type {any} */ event) => {
  event.waitUntil(forgetOthers());
});

worker.addEventListener('fetch', (/** @type {any} */ event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const name = pathname === '/' ? 'index.html' : pathname.slice(1);
  if (request.method === 'GET' && origin === worker.location.origin && FILES.includes(name)) event.respondWith(answer(request, name));
});

worker.addEventListener('notificationclick', (/** @type {any} */ event) => {
  event.notification.close();
  event.waitUntil(goTo(event.notification.data.address));
});

async function keep() {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((name) => new Request(`/${name}`, { cache: 'no-cache' })));
}

async function forgetOthers() {
  for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
}

/**
 * @param {Request} request
 * @param {string} name
 */
async function answer(request, name) {
  try {
    const response = await fetch(request, { signal: AbortSignal.timeout(NETWORK_WITHIN_MS) });
    if (response.status < 500) return response;
  } catch {
    // No network, or nobody at the other end.
  }
  const kept = await caches.match(`/${name}`, { cacheName: CACHE });
  return kept ?? Response.error();
}

/** The page, if it is open somewhere. @param {string} address of the room */
async function goTo(address) {
  const pages = await worker.clients.matchAll({ type: 'window' });
  const page = pages.at(0);
  if (page === undefined) return worker.clients.openWindow(`/${address}`);
  page.postMessage({ address });
  return page.focus();
}
