/** The conversation: what was said in a room, where one is in it, and what is new. */

import { t } from '../i18n/index.js';
import { formatNumber } from '../i18n/dates.js';
import { hashOf } from '../state/address.js';
import { mayDelete, mayEdit } from '../state/changes.js';
import { timeline } from '../state/timeline.js';
import { Announcer } from './announcer.js';
import { ChatElement, make } from './chat-element.js';
import { h, setText } from './dom.js';
import { icon } from './icons.js';
import { fill, look } from './message-item.js';
import { MessageKeys } from './message-keys.js';
import { MessageMenu } from './message-menu.js';
import { NewLine } from './new-line.js';
import { copyText } from './rich-text.js';
import { Place } from './place.js';
import { RoomState } from './room-state.js';
import { VirtualList } from './virtual-list.js';

/** @import { Message } from '../net/frames.js' */
/** @import { Item } from '../state/timeline.js' */
/** @import { Actions } from './message-item.js' */
/** @import { Room } from '../state/room.js' */

/** Older and newer pages are asked for when this many pixels, or fewer, are left to scroll. */
const LOAD_WITHIN = 800;

/** About the height of a message, in pixels. */
const HEIGHT_GUESS = 56;

export class MessageList extends ChatElement {
  #timeline = h('ol', { class: 'timeline', role: 'list' });
  #top = h('div', { class: 'timeline-top' });
  #bottom = h('div', { class: 'timeline-bottom', hidden: true });
  #scroller = h('div', { class: 'scroller', role: 'log', 'aria-live': 'off', tabindex: 0 });
  #pill = pill('pill', 'down', () => this.goToLatest());
  #newPill = pill('new-above', 'up', () => this.goToNew());
  #announcer = new Announcer();
  #connected = false;
  /** @type {VirtualList<Item>} */
  #items = new VirtualList(this.#scroller, this.#timeline, {
    guess: HEIGHT_GUESS,
    key: (item) => item.key,
    look: (item) => look(item, this.#connected),
    fill: (li, item) => fill(li, item, this.#connected, this.#actions),
  });
  #menu = new MessageMenu({
    react: (message, emoji, on) => this.#react(message, emoji, on),
    reply: (message) => this.#compose('reply', message),
    edit: (message) => this.#compose('edit', message),
    copyLink: (message) => copyText(linkTo(message)),
    markUnread: (message) => this.#markUnread(message),
    remove: (message) => this.chat.session.changes.remove(message),
    recent: () => this.chat.memory.emoji,
  });
  /** @type {Actions} */
  #actions = {
    retry: ({ id, slot }) => (slot === null ? this.chat.session.retry(id ?? '') : this.chat.session.changes.retry(slot)),
    discard: ({ id, slot }) => (slot === null ? this.chat.session.discard(id ?? '') : this.chat.session.changes.discard(slot)),
    react: (message, emoji, on) => this.#react(message, emoji, on),
    goTo: (seq) => this.goTo(seq, true),
    self: () => this.chat.store.name,
    openMenu: (li, { message }, opener) => {
      const { self } = this.chat.store;
      const archived = this.#room?.archived === true;
      if (message !== null) this.#menu.open(li, message, { write: !archived, edit: !archived && mayEdit(message, self), remove: !archived && mayDelete(message, self), mark: this.#room?.member === true }, opener);
    },
  };
  #place = new Place(this.#scroller, this.#timeline, this.#items);
  /** @type {Room | null} */
  #room = null;
  #line = new NewLine();
  /** The newest page was asked for: go to the bottom when it is here. */
  #goesToLatest = false;
  /** Go to this message, or the first one after it, when the page that was asked for is here. @type {{ seq: number, asked: boolean, isSought: boolean } | null} */
  #goesTo = null;

  build() {
    this.#scroller.append(this.#top, this.#timeline, this.#bottom, make(RoomState, this.chat));
    this.append(this.#newPill, this.#scroller, this.#pill, this.#announcer.element);
  }

  attached() {
    new MessageKeys(this.#timeline).attach((target, type, listener) => this.listen(target, type, listener));
    this.listen(this.#scroller, 'scroll', () => this.#scrolled(), { passive: true });
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
    if (this.chat.sought !== null && this.chat.sought.room !== room?.key) this.chat.sought = null;
    this.#scroller.setAttribute('aria-label', room === null ? t.noRoom : t.messagesIn(this.chat.titleOf(room)));
    this.#scroller.setAttribute('aria-busy', String(room !== null && !room.loaded));
    // What is said from here on comes by itself.
    this.dataset.live = String(room?.joined === true);
    if (room === null) {
      this.#pill.hidden = this.#newPill.hidden = true;
      return;
    }
    if (this.#goesToLatest && room.atTail && room.loading === null) {
      this.#goesToLatest = false;
      this.#place.toBottom();
    }
    if (room.loaded) this.#line.follow(room, this.#sees(room));
    this.#place.keep(() => {
      const reads = room.kind === 'direct' ? this.chat.others(room).map(({ id, name }) => ({ name, seq: room.reads.get(id) ?? 0 })) : [];
      const more = { changes: this.chat.session.changes.of(room.key), newAfter: this.#line.after, self: store.self, reads };
      this.#items.show(room.loaded || room.wanted ? timeline(room, outbox.of(room.key), store.name, more) : []);
      this.#showTop(room);
      this.#showBottom(room);
    });
    const { sought } = this.chat;
    if (sought !== null && room.loaded && room.loading === null) {
      this.chat.sought = null;
      this.#goesTo = { seq: sought.seq, asked: holds(room, sought.seq), isSought: true };
    }
    this.#goOn(room);
    this.#afterMoving(room);
  }

  /** To the newest message, wherever one is. */
  goToLatest() {
    const room = this.#room;
    if (room === null) return;
    room.held = false;
    if (room.atTail) {
      room.anchor = null;
      this.#place.toBottom();
      this.#afterMoving(room);
    } else {
      this.#goesToLatest = true;
      this.chat.session.pages.latest(room);
    }
  }

  /** To the first message that is new. */
  goToNew() {
    if (this.#line.after === null) return;
    if (this.#place.goTo('new') === undefined) this.goTo(this.#line.after + 1);
    else if (this.#room !== null) this.#afterMoving(this.#room);
    this.#scroller.focus();
  }

  /**
   * To a message of this room, which may be far away.
   * @param {number} seq
   * @param {boolean} [isSought] it is marked for a moment, and gets the focus
   */
  goTo(seq, isSought = false) {
    const room = this.#room;
    if (room === null || !room.loaded) return;
    this.#goesTo = { seq, asked: holds(room, seq), isSought };
    this.#goOn(room);
    this.#afterMoving(room);
  }

  /**
   * To the first message of a time, or after it.
   * @param {number} ms since 1970
   */
  async goToTime(ms) {
    const room = this.#room;
    if (room === null || !room.loaded) return;
    try {
      const seq = await this.chat.session.pages.at(room, ms);
      if (room !== this.#room) return;
      if (seq === null) this.goToLatest();
      else this.goTo(seq, true);
    } catch {
      // The page says why.
    }
  }

  /** @param {Message} message */
  #markUnread({ seq }) {
    if (this.#room !== null) this.chat.session.reads.markUnread(this.#room, seq);
  }

  /** Everything here counts as read: the line goes, and so does one, to the bottom. */
  markRead() {
    this.#line.clear();
    this.goToLatest();
    this.chat.store.changed();
  }

  /** A step on the way to a message. @param {Room} room */
  #goOn(room) {
    if (this.#goesTo === null || room.loading !== null || !room.joined) return;
    const { seq, asked, isSought } = this.#goesTo;
    if (!asked) {
      this.#goesTo.asked = true;
      this.chat.session.pages.around(room, seq);
      return;
    }
    this.#goesTo = null;
    if (!isSought && seq - 1 === this.#line.after && this.#place.goTo('new') !== undefined) return;
    const item = timeline(room, [], this.chat.store.name).find((each) => each.kind === 'message' && (each.seq ?? 0) >= seq);
    const li = item === undefined ? undefined : this.#place.goTo(item.key);
    if (li !== undefined && isSought) this.#show(li);
  }

  /** @param {HTMLElement} sought */
  #show(sought) {
    for (const other of this.#timeline.querySelectorAll('.sought')) other.classList.remove('sought');
    sought.classList.add('sought');
    const more = sought.querySelector('.message-more');
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
    this.#goesTo = null;
    this.#line.begin();
    this.#items.clear();
    this.#announcer.clear();
    this.#top.replaceChildren();
    this.#top.dataset.state = this.#top.dataset.look = '';
    this.#bottom.hidden = true;
    this.#bottom.replaceChildren();
    this.#place.toBottom();
  }

  /** @param {Room} room */
  #showTop(room) {
    const failed = room.problem?.about === 'older';
    const state = !room.loaded ? '' : failed ? 'failed' : room.more ? 'more' : room.messages.length > 0 ? 'beginning' : '';
    const look = `${state}:${room.key}:${this.chat.titleOf(room)}`;
    if (this.#top.dataset.look === look) return;
    this.#top.dataset.look = look;
    this.#top.dataset.state = state;
    if (state === 'failed') {
      this.#top.replaceChildren(this.#again(() => this.chat.session.pages.older(room)));
    } else {
      const sentence = state === 'more' ? t.loadingOlder : state === 'beginning' ? this.chat.beginning(room) : '';
      this.#top.replaceChildren(h('p', {}, sentence));
    }
  }

  /** A page that could not be had is asked for again where it is missing. @param {Room} room */
  #showBottom(room) {
    const failed = room.loaded && !room.atTail && room.problem?.about === 'newer';
    if (failed !== this.#bottom.hidden) return;
    this.#bottom.hidden = !failed;
    const { pages } = this.chat.session;
    this.#bottom.replaceChildren(...(failed ? [this.#again(() => (this.#goesToLatest ? pages.latest(room) : pages.newer(room)))] : []));
  }

  /** A button that asks again, and is gone then: the focus stays in the conversation. @param {() => void} ask */
  #again(ask) {
    return h('button', { type: 'button', class: 'button small', click: () => { ask(); this.focus(); } }, t.tryAgain);
  }

  #scrolled() {
    this.#place.scrolled();
    if (this.#room !== null) this.#afterMoving(this.#room);
  }

  /** What follows from where one is now. @param {Room} room */
  #afterMoving(room) {
    this.#place.hasEnd = room.atTail;
    const atBottom = this.#place.atBottom && room.atTail;
    room.anchor = atBottom ? null : this.#place.seq();
    if (this.#sees(room)) this.chat.session.markRead(room);
    this.#showPills(room);
    if (!room.loaded || !room.joined || room.loading !== null) return;
    const [isNearTop, isNearEnd] = [this.#place.above < LOAD_WITHIN, this.#place.below < LOAD_WITHIN];
    // What was refused is not asked for again unasked, and neither is the other end as long as both are near: they would take turns.
    const failed = room.problem?.about;
    if (failed === 'join' || (failed === 'older' && isNearTop) || (failed === 'newer' && isNearEnd)) return;
    if (room.more && isNearTop) this.chat.session.pages.older(room);
    else if (!room.atTail && isNearEnd) this.chat.session.pages.newer(room);
  }

  /** Who looks at the bottom of a room has read it; who is only on the way to a message has not. @param {Room} room */
  #sees(room) {
    const isOnTheWay = this.#goesTo !== null || this.chat.sought !== null;
    return this.chat.attention.sees && this.#place.atBottom && room.atTail && !isOnTheWay;
  }

  /** @param {Room} room */
  #showPills(room) {
    const far = this.#place.below > this.#scroller.clientHeight || !room.atTail;
    const unread = this.#place.atBottom && room.atTail ? 0 : room.unread;
    this.#pill.hidden = unread === 0 && !far;
    this.#pill.classList.toggle('bare', unread === 0);
    say(this.#pill, unread === 0 ? t.toLatest : t.newMessages(unread), unread);
    const missed = document.visibilityState === 'visible' && room.loaded ? this.#line.above(room, this.#place.sideOf('new'), this.chat.attention.sees) : 0;
    this.#newPill.hidden = missed === 0;
    say(this.#newPill, t.toFirstNew(missed), missed);
  }
}

/**
 * Does the window hold a message, as far as there is such a one?
 * @param {Room} room
 * @param {number} seq
 */
function holds(room, seq) {
  const first = room.messages[0]?.seq ?? Infinity;
  return (seq >= first || !room.more) && seq <= room.end;
}

/** The address of a message. @param {Message} message */
function linkTo({ room, seq }) {
  const address = new URL(location.href);
  address.search = `?m=${seq}`;
  address.hash = hashOf(room);
  return address.href;
}

/**
 * @param {string} className
 * @param {string} picture
 * @param {() => void} click
 */
function pill(className, picture, click) {
  return h('button', { type: 'button', class: className, hidden: true, click }, icon(picture), h('span', { class: 'pill-text' }));
}

/**
 * @param {Element} button
 * @param {string} sentence
 * @param {number} number the one that stands in it
 */
function say(button, sentence, number) {
  setText(/** @type {Element} */ (button.lastElementChild), sentence.replace(String(number), formatNumber(number)));
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
