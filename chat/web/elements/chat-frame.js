/** Rooms, conversation, people: side by side, or on a small screen one over the other. */

import { explain, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { ChatElement, make } from './chat-element.js';
import { MessageComposer } from './composer.js';
import { ConnectionStatus } from './connection-status.js';
import { DateDialog } from './date-dialog.js';
import { h, keyboardIsNear, setText } from './dom.js';
import { Drawers } from './drawers.js';
import { icon, mark } from './icons.js';
import { InvitationNote } from './invitation-note.js';
import { KeysDialog } from './keys-dialog.js';
import { LanguageSwitch } from './language-switch.js';
import { MessageList } from './message-list.js';
import { PeopleList } from './people-list.js';
import { PeoplePicker } from './people-picker.js';
import { QuickSwitcher } from './quick-switcher.js';
import { RoomDetails } from './room-details.js';
import { RoomHeader } from './room-header.js';
import { RoomList } from './room-list.js';
import { SearchDialog } from './search-dialog.js';
import { SelfCard } from './self-card.js';
import { shortcut } from './shortcuts.js';
import { TypingNote } from './typing-note.js';
import { UpdateNote } from './update-note.js';

/** @import { Message } from '../net/frames.js' */
/** @import { Room } from '../state/room.js' */
/** @import { Drawer } from './drawers.js' */

/** So often the page is looked over for what has to do with the time, in milliseconds. */
const TIME_GOES_ON_MS = 30_000;

export class ChatFrame extends ChatElement {
  /** The drawer to begin with. @type {Drawer | null} */
  drawer = null;

  /** @type {{ rooms: RoomList, list: MessageList, composer: MessageComposer, drawers: Drawers, switcher: QuickSwitcher, search: SearchDialog, keys: KeysDialog } | null} */
  #parts = null;
  #problemText = h('p');
  #problem = h('div', { class: 'server-problem', role: 'alert', hidden: true }, icon('alert'), this.#problemText,
    h('button', { type: 'button', class: 'icon-button', 'aria-label': t.dismiss, title: t.dismiss, click: () => this.#dismiss() }, icon('close')));

  build() {
    const { chat } = this;
    const rooms = make(RoomList, chat);
    const list = make(MessageList, chat);
    const composer = make(MessageComposer, chat);
    const switcher = make(QuickSwitcher, chat);
    const keys = make(KeysDialog, chat);
    const search = make(SearchDialog, chat);
    const date = make(DateDialog, chat);
    const goTo = h('button', { type: 'button', class: 'icon-button go-to', 'aria-label': t.goTo, title: t.goTo, click: () => switcher.open() }, icon('goTo'));
    const closePeople = this.#closer('close-people');
    const panels = {
      rooms: h(
        'nav',
        { class: 'panel rooms-panel', 'aria-label': t.rooms },
        h('header', { class: 'panel-head' }, h('span', { class: 'brand' }, mark(), t.appName), goTo, this.#closer('close-rooms')),
        h('div', { class: 'panel-scroll' }, rooms),
        h('footer', { class: 'panel-foot' }, make(SelfCard, chat), make(LanguageSwitch, chat)),
      ),
      people: h('aside', { class: 'panel people-panel', 'aria-label': t.people }, closePeople, make(PeopleList, chat)),
    };
    const details = make(RoomDetails, chat);
    const picker = make(PeoplePicker, chat);
    const conversation = h('main', { class: 'conversation' }, make(RoomHeader, chat), make(ConnectionStatus, chat), make(UpdateNote, chat), make(InvitationNote, chat), list, this.#problem, make(TypingNote, chat), composer);
    const skip = h('button', { type: 'button', class: 'skip-link', click: () => composer.focus() }, t.skipToMessage);
    const backdrop = h('div', { class: 'backdrop', click: () => drawers.close() });
    const drawers = new Drawers(this, panels, [skip, conversation], (isCovered) => { chat.attention.isCovered = isCovered; });
    this.#parts = { rooms, list, composer, drawers, switcher, search, keys };
    this.append(skip, panels.rooms, conversation, panels.people, backdrop, switcher, search, date, keys, details, picker);

    this.addEventListener('drawer', (event) => {
      const drawer = /** @type {CustomEvent<Drawer>} */ (event).detail;
      drawers.show(drawer, drawer === 'rooms' ? rooms : closePeople);
    });
    this.addEventListener('chosen', () => this.#chosen());
    this.addEventListener('mention', (event) => this.#mention(/** @type {CustomEvent<string>} */ (event).detail));
    this.addEventListener('talk', (event) => this.#talk(/** @type {CustomEvent<string>} */ (event).detail));
    this.addEventListener('pick', (event) => picker.open(/** @type {CustomEvent<Room | null>} */ (event).detail));
    this.addEventListener('details', (event) => {
      const { currentRoom } = chat.store;
      if (currentRoom !== null) details.open(currentRoom, /** @type {CustomEvent<'leave' | null>} */ (event).detail ?? 'overview');
    });
    this.addEventListener('keys', () => keys.open());
    this.addEventListener('ask-search', () => search.open());
    this.addEventListener('sought', () => drawers.close());
    this.addEventListener('ask-date', () => date.open());
    this.addEventListener('jump', (event) => list.goToTime(/** @type {CustomEvent<number>} */ (event).detail));
    this.addEventListener('posted', () => list.markRead());
    this.addEventListener('compose', (event) => {
      const { kind, message } = /** @type {CustomEvent<{ kind: 'reply' | 'edit', message: Message }>} */ (event).detail;
      if (kind === 'edit') composer.edit(message);
      else composer.reply(message);
    });
    if (this.drawer !== null) drawers.show(this.drawer, this);
  }

  attached() {
    this.#parts?.drawers.attach((target, type, listener) => this.listen(target, type, listener));
    this.listen(document, 'keydown', (/** @type {KeyboardEvent} */ event) => this.#keyDown(event));
    // What is said to be so long ago is so for longer.
    const timer = setInterval(() => this.chat.store.changed(), TIME_GOES_ON_MS);
    this.whileConnected(() => clearInterval(timer));
  }

  update() {
    const { problem } = this.chat.store;
    this.#problem.hidden = problem === null;
    setText(this.#problemText, problem === null ? '' : explain(problem));
  }

  /** The drawer that is open now. */
  get openDrawer() {
    return this.#parts?.drawers.open ?? null;
  }

  focus() {
    this.#parts?.composer.focus();
  }

  /** A room was chosen, or left: on to the conversation. */
  #chosen() {
    const parts = this.#parts;
    if (parts === null) return;
    if (parts.drawers.open !== null) parts.drawers.close();
    else if (keyboardIsNear()) parts.composer.focus();
    else parts.list.focus();
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    const parts = this.#parts;
    if (parts === null) return;
    shortcut(event, {
      switcher: () => {
        if (parts.switcher.isOpen) parts.switcher.close();
        else if (document.querySelector('dialog[open]') === null) parts.switcher.open();
      },
      search: () => {
        if (parts.search.isOpen) parts.search.close();
        else if (document.querySelector('dialog[open]') === null) parts.search.open();
      },
      keys: () => parts.keys.open(),
      room: (step, unread) => {
        const key = parts.rooms.neighbour(step, unread);
        if (key === null) return;
        this.chat.session.show(key);
        parts.drawers.close();
        parts.composer.focus();
      },
      escape: () => {
        parts.list.markRead();
        parts.composer.focus();
      },
    });
  }

  /** @param {string} name */
  #mention(name) {
    this.#parts?.drawers.close();
    this.#parts?.composer.insert(`@${name} `);
  }

  /** @param {string} name */
  async #talk(name) {
    const { store } = this.chat;
    try {
      await this.chat.talkTo([this.chat.addressee(name)]);
      this.#chosen();
    } catch (error) {
      store.problem = error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' };
      store.changed();
    }
  }

  #dismiss() {
    this.chat.store.problem = null;
    this.update();
    this.focus();
  }

  /** @param {string} className */
  #closer(className) {
    return h('button', { type: 'button', class: `icon-button closer ${className}`, 'aria-label': t.close, title: t.close, click: () => this.#parts?.drawers.close() }, icon('close'));
  }
}

customElements.define('chat-frame', ChatFrame);
