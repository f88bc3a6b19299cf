/** Looks for messages in all conversations, and leads to one of them. */

import { explain, language, t } from '../i18n/index.js';
import { dayStart, formatDay, formatNumber, formatTime } from '../i18n/dates.js';
import { Searcher } from '../net/searcher.js';
import { matchNames } from '../state/finder.js';
import { languageOf } from '../text/language.js';
import { avatar } from './avatar.js';
import { ChatElement } from './chat-element.js';
import { CompositionWatch } from './composition.js';
import { bdi, h, setText } from './dom.js';
import { icon } from './icons.js';

/** @import { Hit } from '../net/frames.js' */
/** @import { Wanted } from '../net/searcher.js' */

/** Milliseconds without a letter after which what has been typed is searched for. */
const PAUSE_MS = 300;

/** Characters that the server takes. */
const LENGTH_MAX = 200;

/** So many people are offered at a time. */
const PEOPLE_MAX = 20;

/** Something that can be searched for. */
const SEARCHABLE = /[\p{L}\p{N}\p{Extended_Pictographic}\p{Regional_Indicator}]/u;

export class SearchDialog extends ChatElement {
  #input = h('input', {
    id: 'search-input', class: 'field', type: 'text', 'aria-label': t.searchMessages, 'aria-controls': 'search-results', placeholder: t.searchPlaceholder,
    maxlength: LENGTH_MAX, autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', dir: 'auto', enterkeyhint: 'search',
  });
  #room = h('select', { id: 'search-room', class: 'field' });
  #from = h('input', { id: 'search-from', class: 'field', type: 'text', list: 'search-people', placeholder: t.anybody, autocomplete: 'off', spellcheck: 'false', dir: 'auto' });
  #people = h('datalist', { id: 'search-people' });
  #after = h('input', { id: 'search-after', class: 'field', type: 'date' });
  #before = h('input', { id: 'search-before', class: 'field', type: 'date' });
  #clear = h('button', { type: 'button', class: 'link', hidden: true, click: () => this.#clearFilters() }, t.clearFilters);
  #status = h('p', { class: 'search-status hint', role: 'status' });
  #retry = h('button', { type: 'button', class: 'button small', hidden: true, click: () => this.#searcher?.retry() }, t.tryAgain);
  #hits = h('ol', { id: 'search-results', class: 'search-results', role: 'list', 'aria-label': t.searchResults });
  #more = h('button', { type: 'button', class: 'button small search-more', hidden: true, click: () => this.#searcher?.next() }, t.moreResults);
  #dialog = h('dialog', { class: 'dialog search', 'aria-label': t.searchMessages });
  #composition = new CompositionWatch(this.#input, navigator.userAgent);
  /** @type {Searcher | null} */
  #searcher = null;
  /** @type {readonly Hit[] | null} */
  #shown = null;

  build() {
    const { session } = this.chat;
    const timers = { setTimer: window.setTimeout.bind(window), clearTimer: window.clearTimeout.bind(window) };
    this.#searcher = new Searcher((request) => session.ask(request), timers, () => this.#show());
    const filter = (/** @type {string} */ label, /** @type {HTMLElement} */ field) => h('div', { class: 'search-filter' }, h('label', { class: 'label', for: field.id }, label), field);
    this.#dialog.append(
      h('form', { class: 'search-form', role: 'search', novalidate: true, submit: (event) => { event.preventDefault(); this.#look(0); } },
        h('div', { class: 'search-head' }, this.#input,
          h('button', { type: 'button', class: 'icon-button', 'aria-label': t.close, title: t.close, click: () => this.#dialog.close() }, icon('close'))),
        h('div', { class: 'search-filters' }, filter(t.searchRoom, this.#room), filter(t.searchFrom, this.#from), filter(t.searchAfter, this.#after), filter(t.searchBefore, this.#before)),
        this.#people),
      h('div', { class: 'search-line' }, this.#status, this.#retry, this.#clear),
      h('div', { class: 'search-scroll', tabindex: -1 }, this.#hits, this.#more),
    );
    this.append(this.#dialog);
    this.#follow();
    this.#show();
  }

  /** What is typed, chosen and pressed. */
  #follow() {
    // Nothing is searched for while it is being composed: half of a syllable is no word.
    this.#input.addEventListener('compositionend', () => this.#look(PAUSE_MS));
    this.#input.addEventListener('input', () => { if (!this.#composition.composing) this.#look(PAUSE_MS); });
    this.#from.addEventListener('input', () => {
      this.#offerPeople();
      this.#look(PAUSE_MS);
    });
    for (const field of [this.#room, this.#after, this.#before]) field.addEventListener('change', () => this.#look(0));
    this.#dialog.addEventListener('keydown', (event) => this.#keyDown(event));
    this.#composition.guard(this.#dialog);
    this.#dialog.addEventListener('click', (event) => { if (event.target === this.#dialog) this.#dialog.close(); });
  }

  get isOpen() {
    return this.#dialog.open;
  }

  open() {
    this.#offer();
    this.#dialog.showModal();
    this.#input.focus();
    this.#input.select();
    // What was found when it was open the last time may be old.
    if (this.#wanted() !== null) this.#look(0);
  }

  close() {
    this.#dialog.close();
  }

  /** The rooms and the people that can be chosen. */
  #offer() {
    const { store } = this.chat;
    const collator = new Intl.Collator(language, { numeric: true });
    const chosen = this.#room.value;
    const rooms = [...store.rooms.values()].filter((room) => room.problem?.code !== 'no_such_room')
      .map((room) => /** @type {const} */ ([room.key, this.chat.titleOf(room)])).sort(([, a], [, b]) => collator.compare(a, b));
    this.#room.replaceChildren(h('option', { value: '' }, t.everywhere), ...rooms.map(([key, title]) => h('option', { value: key }, title)));
    this.#room.value = rooms.some(([key]) => key === chosen) ? chosen : '';
    this.#offerPeople();
  }

  /** Of all whom this page knows, only who may be meant: there can be thousands. */
  #offerPeople() {
    const names = matchNames(this.#from.value, this.chat.store.names(), PEOPLE_MAX);
    this.#people.replaceChildren(...names.map((name) => h('option', { value: name })));
  }

  /** @returns {Wanted | null} */
  #wanted() {
    const text = this.#input.value.trim();
    const from = this.#from.value.trim();
    const [after, before] = [dayStart(this.#after.value), dayStart(this.#before.value, 1)];
    /** @type {Wanted} */
    const wanted = {
      text, ...(this.#room.value === '' ? {} : { room: this.#room.value }), ...(from === '' ? {} : { from }), ...(after === null ? {} : { after }), ...(before === null ? {} : { before }),
    };
    const hasFilter = Object.keys(wanted).length > 1;
    this.#clear.hidden = !hasFilter;
    return SEARCHABLE.test(text) || (text === '' && hasFilter) ? wanted : null;
  }

  /** @param {number} delay */
  #look(delay) {
    this.#searcher?.look(this.#wanted(), delay);
  }

  #clearFilters() {
    for (const field of [this.#room, this.#from, this.#after, this.#before]) field.value = '';
    this.#offerPeople();
    this.#look(0);
    this.#input.focus();
  }

  #show() {
    const searcher = this.#searcher;
    if (searcher === null) return;
    const { hits, more, state, problem } = searcher;
    if (hits !== this.#shown) this.#showHits(hits);
    this.#more.hidden = !more || state === 'failed';
    this.#more.setAttribute('aria-disabled', String(state === 'searching'));
    this.#retry.hidden = state !== 'failed' || problem?.code === 'bad_value';
    this.#dialog.classList.toggle('searching', state === 'searching');
    const count = formatNumber(hits.length);
    const sentences = {
      idle: t.searchHint,
      searching: t.searching,
      done: hits.length === 0 ? t.noResults : more ? t.moreThan(count) : t.found(hits.length),
      failed: problem === null ? '' : problem.code === 'bad_value' ? t.searchTooMuch : explain(problem),
    };
    setText(this.#status, sentences[state]);
    this.#status.classList.toggle('problem', state === 'failed');
  }

  /** @param {readonly Hit[]} hits */
  #showHits(hits) {
    const before = this.#shown ?? [];
    // What was shown goes on below: who reads it is not disturbed.
    const isContinued = before.length > 0 && hits.length >= before.length && before.every((hit, i) => hit === hits[i]);
    const added = (isContinued ? hits.slice(before.length) : hits).map((hit) => this.#hit(hit));
    if (isContinued) {
      const hadFocus = document.activeElement === this.#more;
      this.#hits.append(...added);
      if (hadFocus) added[0]?.querySelector('button')?.focus();
    } else {
      this.#hits.replaceChildren(...added);
      const scroller = this.#hits.parentElement;
      if (scroller !== null) scroller.scrollTop = 0;
    }
    this.#shown = hits;
  }

  /** @param {Hit} hit */
  #hit(hit) {
    const { message, context } = hit;
    const room = this.chat.store.rooms.get(message.room);
    const title = room === undefined ? message.room : this.chat.titleOf(room);
    return h('li', {}, h('button', { type: 'button', class: 'hit', click: () => this.#choose(hit) },
      avatar(message.from),
      h('span', { class: 'hit-head' }, bdi(message.from, 'hit-name'), bdi(title, 'hit-room'), h('time', { class: 'time' }, `${formatDay(message.ts, Date.now())} ${formatTime(message.ts)}`)),
      h('span', { class: 'hit-text', dir: 'auto', lang: languageOf(message.data) }, ...context.map((piece, i) => (i % 2 === 1 ? h('mark', {}, piece) : piece)))));
  }

  /** @param {KeyboardEvent} event */
  #keyDown(event) {
    if (this.#composition.owns(event)) {
      // The Enter that takes what was composed does not search.
      if (event.key === 'Enter' && event.target === this.#input) event.preventDefault();
      return;
    }
    if ((event.key !== 'ArrowDown' && event.key !== 'ArrowUp') || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const stops = [this.#input, ...this.#hits.querySelectorAll('button'), ...(this.#more.hidden ? [] : [this.#more])];
    const at = stops.findIndex((stop) => stop === document.activeElement);
    if (at < 0) return;
    event.preventDefault();
    const next = stops[at + (event.key === 'ArrowDown' ? 1 : -1)];
    next?.focus();
    next?.scrollIntoView({ block: 'nearest' });
  }

  /** @param {Hit} hit */
  #choose({ message }) {
    this.#dialog.close();
    this.chat.seek(message.room, message.seq);
    this.dispatchEvent(new CustomEvent('sought', { bubbles: true }));
  }
}

customElements.define('search-dialog', SearchDialog);
