/** The page as a thing that is installed: it is at hand without a network, and knows when the server has a newer one. */

/** Without a particular reason the server is asked for its build at most so often, in milliseconds. */
const ASK_EVERY_MS = 60_000;

/**
 * Has the browser keep the page's files (sw.js), once they have all been fetched anyway. Where there are no service workers,
 * as on a page that came by plain http from another machine, the page is merely not kept.
 */
export async function keepShell() {
  if (!('serviceWorker' in navigator)) return;
  // The one policy that the server's header allows, and all that it can do.
  /** @type {any} */
  const types = Reflect.get(globalThis, 'trustedTypes');
  const url = types?.createPolicy('worker', { createScriptURL: () => '/sw.js' }).createScriptURL('') ?? '/sw.js';
  try {
    await navigator.serviceWorker.register(url, { updateViaCache: 'none' });
  } catch {
    // Storage is switched off, or the browser does not trust the certificate.
  }
}

export class BuildWatch {
  /** Whether the server's page is another one than this. */
  outdated = false;
  #own;
  #ask;
  #now;
  #askedAt = -Infinity;

  /**
   * @param {string} own the build of this page
   * @param {() => Promise<string>} ask the server's; rejected where it cannot be had
   * @param {() => number} now in milliseconds
   */
  constructor(own, ask, now) {
    this.#own = own;
    this.#ask = ask;
    this.#now = now;
  }

  /**
   * @param {boolean} [isDue] there is a reason: it may be another server
   * @returns {Promise<boolean>} whether it turned out just now that this page is outdated
   */
  async look(isDue = false) {
    if (this.outdated || (!isDue && this.#now() - this.#askedAt < ASK_EVERY_MS)) return false;
    this.#askedAt = this.#now();
    try {
      const build = await this.#ask();
      this.outdated = build !== '' && build !== this.#own;
    } catch {
      // Asked again at the next occasion.
    }
    return this.outdated;
  }
}

/** The build of the server that this page came from. */
export function ownBuild() {
  return document.querySelector('meta[name="build"]')?.getAttribute('content') ?? '';
}

/** The build of the server that runs now. */
export async function serverBuild() {
  const response = await fetch('/version', { cache: 'no-store', signal: AbortSignal.timeout(ASK_EVERY_MS / 2) });
  return response.ok ? (await response.text()).trim() : '';
}
