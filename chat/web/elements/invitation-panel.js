/** Links by which guests come in while the server is closed to guests: to make one, and to end those that hold. */

import { formatDate, formatNumber } from '../i18n/dates.js';
import { explain, isolated, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { invitationLink } from '../state/address.js';
import { ChatElement } from './chat-element.js';
import { h, setText } from './dom.js';
import { copyText } from './rich-text.js';

/** @import { Invitation, Request } from '../net/frames.js' */

/** The days from which one chooses; the second is chosen at first. */
const DAYS = [1, 7, 30, 365];

/** So many guests, at first and at the most; the same as the server's. */
const USES = 20;
const USES_MAX = 1_000;

export class InvitationPanel extends ChatElement {
  #days = h('select', { id: 'invitation-days', class: 'field' }, ...DAYS.map((days) => h('option', { value: days, selected: days === DAYS[1] }, t.days(days))));
  #uses = h('input', { id: 'invitation-uses', class: 'field', type: 'number', inputmode: 'numeric', min: 1, max: USES_MAX, value: USES, required: true, 'aria-describedby': 'invitation-problem' });
  #link = h('input', { id: 'invitation-link', class: 'field', type: 'text', readonly: true, dir: 'ltr', 'aria-describedby': 'invitation-once', focus: () => this.#link.select() });
  #copy = h('button', { type: 'button', class: 'button small', 'aria-live': 'polite', click: () => this.#copyLink() }, t.copyLink);
  #made = h('div', { class: 'invitation-made', hidden: true },
    h('label', { class: 'label', for: 'invitation-link' }, t.invitationLink),
    h('div', { class: 'invitation-row' }, this.#link, this.#copy),
    h('p', { id: 'invitation-once', class: 'hint' }, t.invitationOnce));
  #problem = h('p', { id: 'invitation-problem', class: 'problem', role: 'alert' });
  #list = h('ul', { class: 'entries', 'aria-labelledby': 'invitations-title' });

  build() {
    this.append(
      h('h4', { id: 'invitations-title', class: 'label', tabindex: -1 }, t.invitations),
      h('p', { class: 'hint' }, t.invitationsHint),
      h('form', { class: 'invitation-form', novalidate: true, submit: (event) => { event.preventDefault(); this.#make(); } },
        h('div', {}, h('label', { class: 'label', for: 'invitation-days' }, t.invitationDays), this.#days),
        h('div', {}, h('label', { class: 'label', for: 'invitation-uses' }, t.invitationUses), this.#uses),
        h('button', { type: 'submit', class: 'button small' }, t.makeInvitation)),
      this.#problem, this.#made, this.#list,
    );
  }

  attached() {
    this.#load();
  }

  async #load() {
    const frame = await this.#ask({ type: 'invitations' });
    if (frame?.type === 'invitations') this.#list.replaceChildren(...frame.invitations.map((invitation) => this.#entry(invitation)));
  }

  /** @param {Invitation} invitation */
  #entry({ number, by, until, uses }) {
    const name = t.invitationNumber(number);
    return h('li', { class: 'entry', 'data-invitation': number },
      h('div', { class: 'entry-text' }, h('span', { class: 'entry-name' }, name), h('span', { class: 'hint' }, t.invitationState(isolated(by), formatDate(until), uses, formatNumber(uses)))),
      h('button', { type: 'button', class: 'button small', 'aria-label': t.endInvitation(name), click: () => this.#revoke(number) }, t.end));
  }

  async #make() {
    const uses = this.#uses.valueAsNumber;
    if (!Number.isInteger(uses) || uses < 1 || uses > USES_MAX) {
      this.#fail(t.usesProblem(formatNumber(USES_MAX)));
      this.#uses.setAttribute('aria-invalid', 'true');
      this.#uses.focus();
      return;
    }
    this.#uses.removeAttribute('aria-invalid');
    const frame = await this.#ask({ type: 'invitation', days: Number(this.#days.value), uses });
    if (frame?.type !== 'invitation') return;
    this.#link.value = invitationLink(frame.invitation, location.href);
    setText(this.#copy, t.copyLink);
    this.#made.hidden = false;
    this.#link.focus();
    await this.#load();
  }

  async #copyLink() {
    setText(this.#copy, await copyText(this.#link.value) ? t.copied : t.notCopied);
  }

  /** @param {number} number */
  async #revoke(number) {
    if (await this.#ask({ type: 'revoke', number }) === null) return;
    await this.#load();
    // What had the focus is gone.
    /** @type {HTMLElement | null} */ (this.querySelector('#invitations-title'))?.focus();
  }

  /** @param {Request} request */
  async #ask(request) {
    this.#fail('');
    try {
      return await this.chat.session.ask(request);
    } catch (error) {
      this.#fail(explain(error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' }));
      return null;
    }
  }

  /** @param {string} sentence */
  #fail(sentence) {
    setText(this.#problem, sentence);
  }
}

customElements.define('invitation-panel', InvitationPanel);
