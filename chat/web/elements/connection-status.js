/**
 * Whether the page is connected, said as loudly as it deserves: nothing when all is well or the loss is only a moment old,
 * then a quiet note, then a banner that says what it means and what one can do.
 */

import { t } from '../i18n/index.js';
import { ChatElement } from './chat-element.js';
import { h, setText } from './dom.js';
import { icon } from './icons.js';

/** A loss is mentioned after this many milliseconds. */
const NOTE_AFTER_MS = 1_000;

/** It is worth a banner after this many. */
const BANNER_AFTER_MS = 8_000;

/** The close codes by which an administrator shows somebody out. */
const KICKED = 3502;
const BANNED = 3503;

/** @typedef {'none' | 'note' | 'banner'} Loudness */

export class ConnectionStatus extends ChatElement {
  #text = h('p', { class: 'status-text' });
  /** For the eye alone: nobody wants to be read a countdown. */
  #next = h('span', { class: 'status-next', 'aria-hidden': 'true' });
  #action = h('button', { type: 'button', class: 'button small', hidden: true, click: () => this.chat.session.connectNow() });
  /** @type {number | undefined} */
  #timer;

  build() {
    this.setAttribute('role', 'status');
    this.append(h('span', { class: 'status-icon' }, icon('cloudOff')), h('span', { class: 'status-lamp', 'aria-hidden': 'true' }), this.#text, this.#next, this.#action);
  }

  attached() {
    this.listen(window, 'online', () => this.update());
    this.listen(window, 'offline', () => this.update());
    this.whileConnected(() => window.clearTimeout(this.#timer));
  }

  update() {
    window.clearTimeout(this.#timer);
    const { link } = this.chat.store;
    const lost = link.ready || link.phase === 'idle' ? 0 : performance.now() - link.lostAt;
    const loudness = this.#loudness(lost);
    if (loudness !== 'banner' && !link.ready && link.phase !== 'idle') {
      const next = (lost < NOTE_AFTER_MS ? NOTE_AFTER_MS : BANNER_AFTER_MS) - lost;
      this.#timer = window.setTimeout(() => this.update(), next + 1);
    }
    const wait = loudness === 'none' || link.phase !== 'waiting' || !navigator.onLine ? 0 : Math.ceil((link.nextAt - performance.now()) / 1_000);
    setText(this.#next, wait > 1 ? t.nextAttempt(wait) : '');
    if (wait > 0) {
      window.clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => this.update(), 1_000);
    }
    this.dataset.loudness = loudness;
    setText(this.#text, loudness === 'none' ? '' : this.#sentence(loudness));
    this.#action.hidden = loudness !== 'banner' || link.phase === 'connecting';
    setText(this.#action, link.phase === 'stopped' ? t.connectAgain : t.retryNow);
  }

  /**
   * @param {number} lost for how many milliseconds there has been no connection
   * @returns {Loudness}
   */
  #loudness(lost) {
    const { link } = this.chat.store;
    if (link.ready || link.phase === 'idle') return 'none';
    if (link.phase === 'stopped' || !navigator.onLine || lost >= BANNER_AFTER_MS) return 'banner';
    return lost >= NOTE_AFTER_MS ? 'note' : 'none';
  }

  /** @param {Loudness} loudness */
  #sentence(loudness) {
    const { link } = this.chat.store;
    if (link.stopCode === KICKED && link.phase === 'stopped') return t.kicked;
    if (link.stopCode === BANNED && link.phase === 'stopped') return t.banned;
    if (link.phase === 'stopped') return link.stopReason ? t.turnedAwayWith(link.stopReason) : t.turnedAway;
    if (!navigator.onLine) return t.offline;
    if (loudness === 'banner') return t.noConnection;
    return link.wasReady ? t.reconnecting : t.connecting;
  }
}

customElements.define('connection-status', ConnectionStatus);
