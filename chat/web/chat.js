/** Everything that the elements need, put together once. */

import { Attention } from './elements/attention.js';
import { Notifier } from './elements/notifier.js';
import { applyTheme, themeOf } from './elements/theme.js';
import { pickLanguage, speak, t } from './i18n/index.js';
import { Account } from './net/account.js';
import { readRoomEnd } from './net/frames.js';
import { Refusal, Unanswered } from './net/requests.js';
import { LOBBY, Session } from './net/session.js';
import { BuildWatch, ownBuild, serverBuild } from './net/shell.js';
import { invitationFromHash, isHidden, roomFromHash } from './state/address.js';
import { Drafts } from './state/drafts.js';
import { Memory } from './state/memory.js';
import { Outbox } from './state/outbox.js';
import { Store } from './state/store.js';

/** @import { Theme } from './elements/theme.js' */
/** @import { Language } from './i18n/index.js' */
/** @import { Addressee } from './net/frames.js' */
/** @import { Room } from './state/room.js' */

export class Chat {
  memory = new Memory(() => localStorage, () => sessionStorage);
  store = new Store(soon);
  outbox = new Outbox(this.memory.outbox, (list) => { this.memory.outbox = list; });
  account = new Account((path, options) => fetch(path, options));
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
    onNobody: () => this.#becomeSomebody(),
    onEnd: (next) => this.#ended(next),
  });
  build = new BuildWatch(ownBuild(), serverBuild, () => performance.now());
  attention = new Attention();
  notifier = new Notifier(this);
  /** It has been tried to become somebody; where cookies are blocked that does not help. */
  #hasTried = false;
  /** Where the tab remembers nothing. @type {string | null} */
  #invitation = null;
  /** Ends when it is known who one was, and they have come in again. */
  #returned = Promise.resolve();
  /** It is this page that signs out. */
  #signsOut = false;
  /** What is written and not sent, or not finished. */
  drafts = new Drafts(this.memory, (callback, milliseconds) => window.setTimeout(callback, milliseconds));
  /** The message to which a link, or a search, has led; until it, or another room, is shown. @type {{ room: string, seq: number } | null} */
  sought = null;
  /** Called when the page changes its language: everything on it is made anew. */
  onLanguage = () => {};

  constructor() {
    this.attention.onChange(() => this.store.changed());
    this.takeInvitation();
    applyTheme(this.theme);
    const sought = Number(new URLSearchParams(location.search).get('m'));
    const isSought = Number.isSafeInteger(sought) && sought > 0;
    if (isSought) history.replaceState(null, '', location.pathname + location.hash);
    this.#speak(pickLanguage(this.memory.language, navigator.languages));
    for (const [key, read] of this.memory.rooms ?? [[LOBBY, null]]) {
      const room = this.store.room(key);
      room.wanted = true;
      room.read = read;
    }
    const first = roomFromHash(location.hash) ?? this.memory.room ?? LOBBY;
    const known = roomFromHash(location.hash) !== null || isHidden(first) || this.store.rooms.get(first)?.wanted === true;
    const key = known ? first : this.store.wanted()[0]?.key;
    if (key !== undefined) this.session.show(key);
    if (key !== undefined && isSought) this.sought = { room: key, seq: sought };
  }

  /** By which one comes in where guests may not; null: one has none. */
  get invitation() {
    return this.#invitation ?? this.memory.invitation;
  }

  set invitation(invitation) {
    this.memory.invitation = this.#invitation = invitation;
  }

  /** Takes it out of the address, where others could read it. @returns {boolean} whether there was one */
  takeInvitation() {
    const invitation = invitationFromHash(location.hash);
    if (invitation === null) return false;
    history.replaceState(null, '', location.pathname + location.search);
    // Whoever is here needs none.
    if (this.store.self === null) this.invitation = invitation;
    this.store.changed();
    return true;
  }

  /** Who has been here before comes in again. What is asked first is on its way when this returns, and so is the connection. */
  comeBack() {
    this.#returned = this.#comeBack();
  }

  async #comeBack() {
    const { memory, store, account, session } = this;
    const asked = account.whoAmI(store.current, memory.client(newId));
    // Whoever was somebody here still is, as a rule: the handshake shows the cookie that the request shows.
    const isExpected = !Number.isNaN(memory.member) && memory.name !== '' && !memory.signedOut;
    if (isExpected) session.prepare();
    const answer = await asked.catch(() => null);
    if (answer !== null && answer.self !== null) {
      this.invitation = null;
      session.arrive(answer.self, readRoomEnd(answer.room));
    }
    // The connection will tell when there is a server again; to come as somebody new now would be to give up who one is.
    else if (answer === null && isExpected) session.goOn(memory.name);
    else await this.#comeAsNobody();
    memory.signedOut = false;
    store.changed();
  }

  /** The server knows of nobody here. */
  async #comeAsNobody() {
    const { memory, session } = this;
    session.callOff();
    if (memory.signedOut) session.refuseName({ code: 'signed_out', sentence: '' });
    else if (memory.name !== '') await this.#comeIn(memory.name).catch((error) => session.refuseName(error.problem));
  }

  /**
   * Comes in under a name, or goes on under another one; not before it is known who one was, for that would end this connection again.
   * @param {string} name
   * @returns {Promise<void>} rejected by a Refusal when the server does not take it
   */
  async comeIn(name) {
    await this.#returned;
    await this.#comeIn(name);
  }

  /** @param {string} name */
  async #comeIn(name) {
    const { store, session } = this;
    if (store.self === null && !store.link.ready) {
      try {
        await this.#enter(name);
      } catch (error) {
        // Without a server to answer, the connection takes over: it comes back by itself.
        if (!(error instanceof Unanswered)) throw error;
      }
    }
    await session.callMe(store.self !== null && store.self.name === name.trim() ? store.self.name : name);
  }

  /** Becomes somebody whom the server knows: a guest. @param {string} name */
  async #enter(name) {
    try {
      this.store.self = await this.account.enter(name, this.invitation);
      this.invitation = null;
    } catch (error) {
      if (error instanceof Refusal && error.code === 'bad_invitation') this.invitation = null;
      throw error;
    } finally {
      this.store.changed();
    }
  }

  /** @param {string} name @param {string} password */
  async signIn(name, password) {
    const { store, session } = this;
    await this.#returned;
    store.self = await this.account.signIn(name, password);
    if (store.self === null) throw new Unanswered();
    this.invitation = null;
    session.comeBack(store.self.name);
  }

  /** @param {string} password @param {string} [old] */
  async setPassword(password, old) {
    const { store, account } = this;
    // A server that has been there for longer than this page's cookie.
    if (store.self === null) await this.#enter(store.name);
    store.self = await account.setPassword(password, old);
    store.changed();
  }

  /** @param {{ everywhere: boolean }} options */
  async signOut(options) {
    this.#signsOut = true;
    try {
      await this.account.signOut(options);
    } catch (error) {
      // The connection may have told it before the answer was lost.
      if (this.store.nameProblem?.code !== 'signed_out') throw error;
    } finally {
      this.#signsOut = false;
    }
    this.#beginAnew();
  }

  /** The session has ended elsewhere, or is somebody else's now. @param {number | null} next the number of that person */
  #ended(next) {
    if (this.#signsOut) return;
    this.#beginAnew(next);
    this.memory.signedOut = this.store.nameProblem?.code === 'signed_out';
  }

  /** Rooms, drafts, what waits to be sent: nothing of it is for the eyes of whoever comes next. @param {number | null} [next] */
  #beginAnew(next) {
    this.drafts.forget();
    // Whoever is here in another tab already keeps what they have written there.
    if (this.memory.member === next) this.memory.forgetTab();
    else this.memory.forgetPerson();
    document.body.replaceChildren();
    location.replace(location.pathname);
  }

  /** The server knows the name alone. */
  async #becomeSomebody() {
    if (this.#hasTried) return;
    this.#hasTried = true;
    try {
      await this.#enter(this.store.name);
      this.session.comeBack(this.store.name);
    } catch {
      // It goes on as it is: with a name, and without an account.
    }
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
   * Shows a message in its conversation.
   * @param {string} key the room's
   * @param {number} seq
   */
  seek(key, seq) {
    this.sought = { room: key, seq };
    // Who is there already stays, wherever in the conversation that is.
    if (this.store.current === key) this.store.changed();
    else this.session.show(key);
  }

  /**
   * What a room is called here: everyone's first room has a name in every language, the others have the one they were given.
   * @param {Room} room
   */
  titleOf(room) {
    if (room.kind === 'direct') return this.others(room).map(({ name }) => name).join(t.nameSeparator) || t.direct;
    if (room.key === room.title && isHidden(room.key)) return t.privateRoom;
    return room.key === LOBBY && room.title.toLowerCase() === LOBBY ? t.lobby : room.title;
  }

  /** What stands above its first message. @param {Room} room */
  beginning(room) {
    return (room.kind === 'direct' ? t.beginningDirect : t.beginning)(this.titleOf(room));
  }

  /** Who is in a direct conversation besides this person. @param {Room} room */
  others(room) {
    return room.persons.filter(({ id }) => id !== this.store.self?.id);
  }

  /**
   * What is unread, as it is told outside of the conversations: how many messages are meant for this person, and whether there is anything at all.
   * @param {Room | null} seen the room that is looked at
   */
  unread(seen) {
    const rooms = this.store.wanted().filter((room) => (room !== seen || room.held) && !room.archived);
    return { forMe: rooms.reduce((sum, { forMe }) => sum + forMe, 0), any: rooms.some(({ unread, forMe, muted, invitedBy }) => (muted ? forMe : unread) > 0 || invitedBy !== null) };
  }

  /**
   * Somebody in the room that is shown, with their number if only one of this name is known there.
   * @param {string} name
   * @returns {Addressee}
   */
  addressee(name) {
    const room = this.store.currentRoom;
    const belong = (room?.persons ?? []).filter((person) => person.name === name).map(({ id }) => id);
    const written = (room?.messages ?? []).flatMap(({ from, person }) => (from === name && person !== undefined ? [person] : []));
    const [id, another] = new Set(belong.length > 0 ? belong : written);
    return id === undefined || another !== undefined ? { name } : { id, name };
  }

  /**
   * To the conversation with these people.
   * @param {readonly Addressee[]} people
   * @returns {Promise<void>} rejected by a Refusal or Unanswered
   */
  async talkTo(people) {
    const key = await this.session.conversations.direct(people);
    if (key !== '') this.session.show(key);
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
