/** The conversation: what was said in a room, where one is in it, and what is new below. */

import { t } from '../i18n/index.js';
import { formatNumber } from '../i18n/dates.js';
import { hashOf } from '../state/address.js';
import { mayChange } from '../state/changes.js';
import { timeline } from '../state/timeline.js';
import { Announcer } from './announcer.js';
import { ChatElement, make } from './chat-element.js';
import { h, setText } from './dom.js';
import { icon } from './icons.js';
import { KeyedList } from './keyed-list.js';
import { fill, look } from './message-item.js';
import { MessageKeys } from './message-keys.js';
import { MessageMenu } from './message-menu.js';
import { copyText } from './rich-text.js';
import { Place } from './place.js';
import { RoomState } from './room-state.js';

/** @import { Message } from '../net/frames.js' */
/** @import { Item } from '../state/timeline.js' */
/** @import { Actions } from './message-item.js' */
/** @import { Room } from '../state/room.js' */

/** Older and newer pages are asked for when this many pixels, or fewer, are left to scroll. */
const LOAD_WITHIN = 800;

export class MessageList extends ChatElement {
  #timeline = h('ol', { class: 'timeline', role: 'list' });
  #top = h('div', { class: 'timeline-top' });
  #scroller = h('div', { class: 'scroller', role: 'log', 'aria-live': 'off', tabindex: 0 });
  #pill = h('button', { type: 'button', class: 'pill', hidden: true, click: () => this.goToLatest() }, icon('down'), h('span', { class: 'pill-text' }));
  #announcer = new Announcer();
  #place = new Place(this.#scroller, this.#timeline);
  #connected = false;
  /** @type {KeyedList<Item>} */
  #items = new KeyedList(this.#timeline, {
    key: (item) => item.key,
    look: (item) => look(item, this.#connected),
    fill: (li, item) => fill(li, item, this.#connected, this.#actions),
  });
  #menu = new MessageMenu({
    react: (message, emoji, on) => this.#react(message, emoji, on),
    reply: (message) => this.#compose('reply', message),
    edit: (message) => this.#compose('edit', message),
    copyLink: (message) => copyText(linkTo(message)),
    remove: (message) => this.chat.session.changes.remove(message),
    recent: () => this.chat.memory.emoji,
  });
  /** @type {Actions} */
  #actions = {
    retry: ({ id, slot }) => (slot === null ? this.chat.session.retry(id ?? '') : this.chat.session.changes.retry(slot)),
    discard: ({ id, slot }) => (slot === null ? this.chat.session.discard(id ?? '') : this.chat.session.changes.discard(slot)),
    react: (message, emoji, on) => this.#react(message, emoji, on),
    goTo: (seq) => this.goTo(seq),
    openMenu: (li, { message }, opener) => {
      if (message !== null) this.#menu.open(li, message, mayChange(message), opener);
    },
  };
  /** @type {Room | null} */
  #room = null;
  /** The newest page was asked for: go to the bottom when it is here. */
  #goesToLatest = false;

  build() {
    this.#scroller.append(this.#top, this.#timeline, make(RoomState, this.chat));
    this.append(this.#scroller, this.#pill, this.#announcer.element);
  }

  attached() {
    new MessageKeys(this.#timeline).attach((target, type, listener) => this.listen(target, type, listener));
    this.listen(this.#scroller, 'scroll', () => this.#scrolled(), { passive: true });
    this.listen(document, 'visibilitychange', () => this.#see());
    this.whileConnected(this.chat.store.onNews((room, messages) => {
      if (room === this.#room) this.#announcer.tell(messages);
    }));
    const observer = new ResizeObserver(() => this.#place.settle());
    observer.observe(this.#scroller);
    observer.observe(this.#timeline);
    this.whileConnected(() => observer.disconnect());
    let midnight = nextMidnight(() => this.update());
    this.whileConnected(() => window.clearTimeout(midnight()));
  }

  focus() {
    this.#scroller.focus();
  }

  update() {
    const { store, outbox } = this.chat;
    const room = store.currentRoom;
    this.#connected = store.link.ready;
    if (room !== this.#room) this.#change(room);
    this.#scroller.setAttribute('aria-label', room === null ? t.noRoom : t.messagesIn(this.chat.titleOf(room)));
    this.#scroller.setAttribute('aria-busy', String(room !== null && !room.loaded));
    if (room === null) {
      this.#pill.hidden = true;
      return;
    }
    if (this.#goesToLatest && room.atTail && room.loading === null) {
      this.#goesToLatest = false;
      this.#place.toBottom();
    }
    this.#place.keep(() => {
      this.#items.show(room.loaded || room.wanted ? timeline(room, outbox.of(room.key), store.name, this.chat.session.changes.of(room.key)) : []);
      this.#showTop(room);
    });
    const { sought } = this.chat;
    if (sought === null || !room.joined || room.loading !== null) {
      this.#afterMoving(room);
    } else {
      this.chat.sought = null;
      this.goTo(sought);
    }
  }

  /** To the newest message, wherever one is. */
  goToLatest() {
    const room = this.#room;
    if (room === null) return;
    if (room.atTail) {
      room.anchor = null;
      this.#place.toBottom();
      this.#afterMoving(room);
    } else {
      this.#goesToLatest = true;
      this.chat.session.loadLatest(room);
    }
  }

  /**
   * To one message, which is marked for a moment.
   * @param {number} seq
   */
  async goTo(seq) {
    const room = this.#room;
    if (room === null) return;
    if (room.loading !== null && !room.messages.some((message) => message.seq === seq)) {
      this.chat.sought = seq; // when the page is here that is on its way
      return;
    }
    await this.chat.session.loadAround(room, seq);
    if (room !== this.#room) return;
    this.#place.atBottom = false;
    this.update();
    const li = this.#timeline.querySelector(`[data-seq="${seq}"]`);
    if (li === null) return;
    li.scrollIntoView({ block: 'center' });
    this.#place.scrolled();
    for (const other of this.#timeline.querySelectorAll('.sought')) other.classList.remove('sought');
    li.classList.add('sought');
    const more = li.querySelector('.message-more');
    if (more instanceof HTMLElement) more.focus({ preventScroll: true });
  }

  /** @param {Message} message @param {string} emoji @param {boolean} on */
  #react(message, emoji, on) {
    if (on) this.chat.memory.rememberEmoji(emoji);
    this.chat.session.changes.react(message, emoji, on);
  }

  /** @param {'reply' | 'edit'} kind @param {Message} message */
  #compose(kind, message) {
    this.dispatchEvent(new CustomEvent('compose', { bubbles: true, detail: { kind, message } }));
  }

  /** @param {Room | null} room */
  #change(room) {
    this.#menu.close(false);
    this.#room = room;
    this.#goesToLatest = false;
    this.#items.clear();
    this.#announcer.clear();
    this.#top.replaceChildren();
    this.#top.dataset.state = this.#top.dataset.look = '';
    this.#place.toBottom();
  }

  /** @param {Room} room */
  #showTop(room) {
    const failed = room.problem?.about === 'older';
    const state = !room.loaded ? '' : failed ? 'failed' : room.more ? 'more' : room.messages.length > 0 ? 'beginning' : '';
    const look = `${state}:${room.key}:${room.title}`;
    if (this.#top.dataset.look === look) return;
    this.#top.dataset.look = look;
    this.#top.dataset.state = state;
    if (state === 'failed') {
      const retry = () => { room.problem = null; this.chat.session.loadOlder(room); };
      this.#top.replaceChildren(h('button', { type: 'button', class: 'button small', click: retry }, t.tryAgain));
    } else {
      const sentence = state === 'more' ? t.loadingOlder : state === 'beginning' ? t.beginning(this.chat.titleOf(room)) : '';
      this.#top.replaceChildren(h('p', {}, sentence));
    }
  }

  #scrolled() {
    this.#place.scrolled();
    if (this.#room !== null) this.#afterMoving(this.#room);
  }

  /** What follows from where one is now. @param {Room} room */
  #afterMoving(room) {
    const atBottom = this.#place.atBottom && room.atTail;
    room.anchor = atBottom ? null : this.#place.seq();
    this.#see();
    this.#showPill(room);
    if (!room.loaded || !room.joined || room.loading !== null || room.problem !== null) return;
    if (room.more && this.#place.above < LOAD_WITHIN) this.chat.session.loadOlder(room);
    else if (!room.atTail && this.#place.below < LOAD_WITHIN) this.chat.session.loadNewer(room);
  }

  /** Who looks at the bottom of a room has read it. */
  #see() {
    const room = this.#room;
    if (room === null || document.visibilityState !== 'visible' || !this.#place.atBottom || !room.atTail) return;
    this.chat.session.markRead(room);
  }

  /** @param {Room} room */
  #showPill(room) {
    const far = this.#place.below > this.#scroller.clientHeight || !room.atTail;
    const unread = this.#place.atBottom && room.atTail ? 0 : room.unread;
    this.#pill.hidden = unread === 0 && !far;
    this.#pill.classList.toggle('bare', unread === 0);
    const sentence = unread === 0 ? t.toLatest : t.newMessages(unread).replace(/\d+/, (digits) => formatNumber(Number(digits)));
    setText(/** @type {Element} */ (this.#pill.lastElementChild), sentence);
  }
}

/** The address of a message. @param {Message} message */
function linkTo({ room, seq }) {
  const address = new URL(location.href);
  address.search = `?m=${seq}`;
  address.hash = hashOf(room);
  return address.href;
}

/**
 * Calls back after every midnight: what was today is yesterday.
 * @param {() => void} callback
 * @returns {() => number} the timer that runs now
 */
function nextMidnight(callback) {
  /** @type {number} */
  let timer;
  const wait = () => {
    timer = window.setTimeout(() => { callback(); wait(); }, new Date().setHours(24, 0, 1, 0) - Date.now());
  };
  wait();
  return () => timer;
}

customElements.define('message-list', MessageList);
