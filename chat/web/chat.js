/** Everything that the elements need, put together once. */

import { Notifier } from './elements/notifier.js';
import { applyTheme, themeOf } from './elements/theme.js';
import { pickLanguage, speak, t } from './i18n/index.js';
import { LOBBY, Session } from './net/session.js';
import { BuildWatch, ownBuild, serverBuild } from './net/shell.js';
import { roomFromHash } from './state/address.js';
import { Memory } from './state/memory.js';
import { Outbox } from './state/outbox.js';
import { Store } from './state/store.js';

/** @import { Theme } from './elements/theme.js' */
/** @import { Language } from './i18n/index.js' */
/** @import { Room } from './state/room.js' */

export class Chat {
  memory = new Memory(() => localStorage, () => sessionStorage);
  store = new Store(soon);
  outbox = new Outbox(this.memory.outbox, (list) => { this.memory.outbox = list; });
  session = new Session({
    store: this.store,
    memory: this.memory,
    outbox: this.outbox,
    surroundings: {
      open: (protocol) => new WebSocket(socketAddress(), protocol),
      setTimer: (callback, milliseconds) => window.setTimeout(callback, milliseconds),
      clearTimer: (timer) => window.clearTimeout(timer),
      now: () => performance.now(),
      random: Math.random,
    },
    newId,
    clock: () => Date.now(),
  });
  build = new BuildWatch(ownBuild(), serverBuild, () => performance.now());
  notifier = new Notifier(this);
  /** What is written and not sent, by room. @type {Map<string, string>} */
  drafts = new Map();
  /** Called when the page changes its language: everything on it is made anew. */
  onLanguage = () => {};

  constructor() {
    applyTheme(this.theme);
    this.#speak(pickLanguage(this.memory.language, navigator.languages));
    for (const [key, read] of this.memory.rooms ?? [[LOBBY, null]]) {
      const room = this.store.room(key);
      room.wanted = true;
      room.read = read;
    }
    const first = roomFromHash(location.hash) ?? this.memory.room ?? LOBBY;
    const known = roomFromHash(location.hash) !== null || this.store.rooms.get(first)?.wanted === true;
    const key = known ? first : this.store.wanted()[0]?.key;
    if (key !== undefined) this.session.show(key);
  }

  get theme() {
    return themeOf(this.memory.theme);
  }

  /** @param {Theme} theme */
  chooseTheme(theme) {
    this.memory.theme = theme;
    applyTheme(theme);
  }

  /** Something else has been chosen in another tab. */
  followOtherTabs() {
    applyTheme(this.theme);
  }

  /** Whether the server has a newer page. @param {boolean} [isDue] it is likely */
  async lookForBuild(isDue) {
    if (await this.build.look(isDue)) this.store.changed();
  }

  /** @param {Language} language */
  chooseLanguage(language) {
    this.memory.language = language;
    this.#speak(language);
    this.onLanguage();
  }

  /** @param {Language} language */
  #speak(language) {
    speak(language, navigator.languages);
    document.documentElement.lang = language;
    document.querySelector('link[rel="manifest"]')?.setAttribute('href', language === 'en' ? 'manifest.webmanifest' : `manifest.${language}.webmanifest`);
  }

  /**
   * What a room is called here: everyone's first room has a name in every language, the others have the one they were given.
   * @param {Room} room
   */
  titleOf(room) {
    return room.key === LOBBY && room.title.toLowerCase() === LOBBY ? t.lobby : room.title;
  }
}

/**
 * Once, before the next picture is drawn; or a little later, for a hidden page is not drawn.
 * @param {() => void} callback
 */
function soon(callback) {
  let done = false;
  const once = () => {
    if (done) return;
    done = true;
    callback();
  };
  requestAnimationFrame(once);
  setTimeout(once, 200);
}

function socketAddress() {
  const address = new URL('/ws', location.href);
  address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  address.hash = '';
  return address.href;
}

/** 128 random bits. `crypto.randomUUID` is not to be had on a page that came by plain http from another machine. */
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
