/** One's account: a password for one's name, another one, where one is signed in, and the way out; and what an administrator decides about guests. */

import { explain, isolated, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { ChatElement, make } from './chat-element.js';
import { h, setText } from './dom.js';
import { DeviceList } from './device-list.js';
import { icon } from './icons.js';
import { InvitationPanel } from './invitation-panel.js';
import { PasswordForm } from './password-form.js';
import { UnbanForm } from './unban-form.js';

export class AccountPanel extends ChatElement {
  #text = h('p', { class: 'settings-text' });
  #open = h('button', { type: 'button', class: 'button', 'aria-expanded': 'false', click: () => this.#unfold() });
  #place = h('div');
  /** While it is open. @type {PasswordForm | null} */
  #form = null;
  /** Whether the form is one of somebody who has an account. */
  #ofAccount = false;
  #done = h('p', { class: 'hint', role: 'status' });
  #problem = h('p', { class: 'problem', role: 'alert' });
  #out = h('button', { type: 'button', class: 'quiet-button', click: () => this.#signOut(false) }, icon('leave'), t.signOut);
  #everywhere = h('button', { type: 'button', class: 'quiet-button', click: () => this.#signOut(true) }, icon('leave'), t.signOutEverywhere);
  #door = h('button', { type: 'button', class: 'button small', click: () => this.#allowGuests(this.chat.store.guestsAllowed === false) });
  #guests = h('div', { class: 'settings-row', hidden: true }, this.#door);
  #whoComes = h('p', { class: 'hint', role: 'status' });
  /** For administrators. */
  #orders = h('div', { class: 'settings-orders', hidden: true });
  /** @type {DeviceList | null} */
  #devices = null;
  #devicesPlace = h('div');
  /** Who it was made for. */
  #shown = '';
  #shownDevices = '';

  build() {
    this.append(this.#text, this.#open, this.#place, this.#done, this.#devicesPlace, this.#guests, this.#whoComes, this.#orders, this.#problem, h('div', { class: 'settings-exits' }, this.#out, this.#everywhere));
  }

  update() {
    const { self } = this.chat.store;
    this.#showGuests();
    const shown = JSON.stringify(self);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const account = self !== null && !self.guest;
    setText(this.#text, account ? (self.role === 'admin' ? t.accountOfAdmin : t.accountText) : t.claimText(isolated(self?.name ?? this.chat.store.name)));
    setText(this.#open, account ? t.changePassword : t.claimName);
    this.#out.replaceChildren(icon('leave'), account ? t.signOut : t.forgetMe);
    this.#everywhere.hidden = !account;
    const isAdmin = self?.role === 'admin';
    this.#orders.hidden = !isAdmin;
    // A link that was just made is shown only this once: with another name it stays.
    if (isAdmin !== this.#orders.hasChildNodes()) this.#orders.replaceChildren(...(isAdmin ? [make(InvitationPanel, this.chat), make(UnbanForm, this.chat)] : []));
    this.#listDevices(account ? String(self.id) : '');
    if (this.#form !== null) this.#form.username = self?.name ?? this.chat.store.name;
    // Whoever has an account now is asked for something else; by whatever else has changed, nothing that is half typed is lost.
    if (this.#ofAccount !== account) this.#fold();
    this.#ofAccount = account;
  }

  /** Whether guests may come, and the one thing that can be done about it; nothing before the server has said. */
  #showGuests() {
    const { self, guestsAllowed } = this.chat.store;
    const isKnown = self?.role === 'admin' && guestsAllowed !== null;
    this.#guests.hidden = !isKnown;
    this.#door.dataset.guests = String(guestsAllowed === false);
    setText(this.#door, guestsAllowed === false ? t.openToGuests : t.closeToGuests);
    setText(this.#whoComes, !isKnown ? '' : guestsAllowed ? t.isOpenToGuests : t.isClosedToGuests);
  }

  /** @param {string} account whose devices; empty: whoever has no account is nowhere signed in */
  #listDevices(account) {
    if (account === this.#shownDevices) return;
    this.#shownDevices = account;
    this.#devices = account === '' ? null : make(DeviceList, this.chat);
    this.#devicesPlace.replaceChildren(...(this.#devices === null ? [] : [this.#devices]));
    this.#devices?.load();
  }

  #unfold() {
    const { self, name } = this.chat.store;
    const account = self !== null && !self.guest;
    const form = make(PasswordForm, this.chat);
    form.username = self?.name ?? name;
    form.fields = [
      ...(account ? [/** @type {const} */ ({ id: 'password-old', label: t.oldPassword, kind: 'current-password' })] : []),
      { id: 'password-new', label: account ? t.newPassword : t.password, kind: 'new-password', hint: t.passwordHint },
    ];
    form.submitLabel = account ? t.changePassword : t.claimName;
    form.onSubmit = async (values) => {
      const [password = '', old] = values.toReversed();
      await this.chat.setPassword(password, old);
      this.#devices?.load();
      this.#fold();
      setText(this.#done, account ? t.passwordChanged : t.nameClaimed);
      this.#open.focus();
    };
    this.#form = form;
    setText(this.#done, '');
    this.#open.hidden = true;
    this.#place.replaceChildren(form);
    form.focus();
  }

  #fold() {
    this.#form = null;
    this.#open.hidden = false;
    this.#place.replaceChildren();
  }

  /** @param {boolean} allowed */
  async #allowGuests(allowed) {
    try {
      await this.chat.session.ask({ type: 'guests', allowed });
      setText(this.#problem, '');
    } catch (error) {
      setText(this.#problem, explain(error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' }));
    }
  }

  /** @param {boolean} everywhere */
  async #signOut(everywhere) {
    try {
      await this.chat.signOut({ everywhere });
    } catch (error) {
      setText(this.#problem, explain(error instanceof Refusal ? error.problem : { code: 'unanswered', sentence: '' }));
    }
  }
}

customElements.define('account-panel', AccountPanel);
