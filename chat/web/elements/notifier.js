/**
 * Tells of new messages outside of the page, while nobody looks at it: by the system's notifications, one for each room, and
 * by a sound, if that is wanted. Of several tabs only one does, and none while another one is looked at: the tabs agree by
 * locks, which the browser takes from a tab that has gone.
 */

import { languageOf } from '../text/language.js';
import { hashOf } from '../state/address.js';
import { mentions, speaksOf } from '../state/mentions.js';
import { isolated, t } from '../i18n/index.js';

/** @import { Chat } from '../chat.js' */
/** @import { Message } from '../net/frames.js' */
/** @import { Room } from '../state/room.js' */

/** @typedef {'off' | 'mentions' | 'all'} Notify */

/** @type {readonly Notify[]} */
export const NOTIFY = ['off', 'mentions', 'all'];

/** Held by the tab that notifies, and by each tab that is looked at. */
const LOCK_NOTIFIES = 'switchboard.notifies';
const LOCK_SEEN = 'switchboard.seen';

/** The tones of the sound: pitch in hertz, and when it begins, in seconds. */
const TONES = [[660, 0], [880, 0.12]];
const TONE_LENGTH = 0.18;
const TONE_VOLUME = 0.08;

/** A notification has no room for more of a message, in UTF-16 units. */
const TEXT_MAX = 200;

/** Whether this browser can notify at all, here. */
export function canNotify() {
  return 'Notification' in window && 'locks' in navigator;
}

export class Notifier {
  #chat;
  #isChosen = false;
  /** Gives the lock of a tab that is looked at back. */
  #unsee = () => {};
  /** @type {AudioContext | null} */
  #audio = null;
  /** The last one that was told of. @type {string | null} */
  #invitation = null;

  /** @param {Chat} chat */
  constructor(chat) {
    this.#chat = chat;
    if (!canNotify()) return;
    navigator.locks.request(LOCK_NOTIFIES, () => new Promise(() => { this.#isChosen = true; })).catch(() => {});
    chat.store.onNews((room, messages) => this.#tell(room, messages));
    chat.store.subscribe(() => this.#lookForInvitation());
    chat.attention.onChange(() => this.#showSeen());
    navigator.serviceWorker?.addEventListener('message', ({ data }) => {
      if (typeof data?.address === 'string' && data.address.startsWith('#')) location.hash = data.address;
    });
    this.#showSeen();
  }

  #showSeen() {
    this.#unsee();
    this.#unsee = () => {};
    if (!this.#chat.attention.sees) return;
    const hold = new Promise((resolve) => { this.#unsee = () => resolve(undefined); });
    navigator.locks.request(LOCK_SEEN, { mode: 'shared' }, () => hold).catch(() => {});
  }

  /**
   * @param {Room} room
   * @param {Message[]} messages
   */
  async #tell(room, messages) {
    const { memory, store } = this.#chat;
    // With a session the server says whom a message mentions; without one the name is looked for in the text.
    const concerns = (/** @type {Message} */ message) => (store.self === null ? mentions(message.data, store.name) : speaksOf(message, store.self));
    const message = messages.findLast((each) => concerns(each) || (!room.muted && (memory.notify === 'all' || room.kind === 'direct')));
    if (message === undefined) return;
    const { from, data } = message;
    await this.#notify(room, this.#chat.titleOf(room) === from ? data : t.says(from, data), data);
  }

  /** Who is invited into a private room is meant. */
  #lookForInvitation() {
    const { store } = this.#chat;
    const { invitation } = store;
    if (invitation === this.#invitation) return;
    this.#invitation = invitation;
    const room = invitation === null ? undefined : store.rooms.get(invitation);
    if (room === undefined || room.invitedBy === null) return;
    const title = this.#chat.titleOf(room);
    this.#notify(room, t.invitedYou(isolated(room.invitedBy), isolated(title)), title);
  }

  /**
   * Where it is wanted, and nobody looks.
   * @param {Room} room
   * @param {string} body
   * @param {string} data the part of it that somebody has written
   */
  async #notify(room, body, data) {
    const { memory, attention } = this.#chat;
    if (!this.#isChosen || attention.sees || memory.notify === 'off') return;
    const { held = [] } = await navigator.locks.query();
    if (held.some(({ name }) => name === LOCK_SEEN)) return;
    if (Notification.permission === 'granted') await this.#show(room, body, data);
    if (memory.sound) this.play();
  }

  /**
   * @param {Room} room
   * @param {string} body
   * @param {string} data
   */
  async #show(room, body, data) {
    const title = this.#chat.titleOf(room);
    const options = {
      tag: `room:${room.key}`, body: body.slice(0, TEXT_MAX), lang: languageOf(data) ?? '', silent: true,
      icon: '/icons/icon-192.png', data: { address: hashOf(room.key) },
    };
    try {
      const notification = new Notification(title, options);
      notification.onclick = () => {
        window.focus();
        this.#chat.session.show(room.key);
        notification.close();
      };
    } catch {
      // On phones only a service worker may.
      await (await navigator.serviceWorker?.getRegistration())?.showNotification(title, options);
    }
  }

  /** Two soft tones, made here: there is no file for them. */
  play() {
    this.#audio ??= new AudioContext();
    const audio = this.#audio;
    for (const [pitch = 0, begins = 0] of TONES) {
      const at = audio.currentTime + begins;
      const tone = new OscillatorNode(audio, { frequency: pitch });
      const volume = new GainNode(audio, { gain: 0 });
      volume.gain.setValueAtTime(0, at);
      volume.gain.linearRampToValueAtTime(TONE_VOLUME, at + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.001, at + TONE_LENGTH);
      tone.connect(volume).connect(audio.destination);
      tone.start(at);
      tone.stop(at + TONE_LENGTH);
    }
  }
}
