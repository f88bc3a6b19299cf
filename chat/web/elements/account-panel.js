/** One's account: a password for one's name, another one, and the way out. */

import { explain, isolated, t } from '../i18n/index.js';
import { Refusal } from '../net/requests.js';
import { ChatElement, make } from './chat-element.js';
import { h, setText } from './dom.js';
import { icon } from './icons.js';
import { PasswordForm } from './password-form.js';
import { UnbanForm } from './unban-form.js';

export class AccountPanel extends ChatElement {
  #text = h('p', { class: 'settings-text' });
  #open = h('button', { type: 'button', class: 'button', 'aria-expanded': 'false', click: () => this.#unfold() });
  #place = h('div');
  #done = h('p', { class: 'hint', role: 'status' });
  #problem = h('p', { class: 'problem', role: 'alert' });
  #out = h('button', { type: 'button', class: 'quiet-button', click: () => this.#signOut(false) }, icon('leave'), t.signOut);
  #everywhere = h('button', { type: 'button', class: 'quiet-button', click: () => this.#signOut(true) }, icon('leave'), t.signOutEverywhere);
  #guests = h('div', { class: 'settings-row', hidden: true },
    h('button', { type: 'button', class: 'button small', 'data-guests': 'false', click: () => this.#allowGuests(false) }, t.closeToGuests),
    h('button', { type: 'button', class: 'button small', 'data-guests': 'true', click: () => this.#allowGuests(true) }, t.openToGuests));
  #unban = h('div', { class: 'settings-unban', hidden: true });
  /** Who it was made for. */
  #shown = '';

  build() {
    this.append(this.#text, this.#open, this.#place, this.#done, this.#guests, this.#unban, this.#problem, h('div', { class: 'settings-exits' }, this.#out, this.#everywhere));
  }

  update() {
    const { self } = this.chat.store;
    const shown = JSON.stringify(self);
    if (shown === this.#shown) return;
    this.#shown = shown;
    const account = self !== null && !self.guest;
    setText(this.#text, account ? (self.role === 'admin' ? t.accountOfAdmin : t.accountText) : t.claimText(isolated(self?.name ?? this.chat.store.name)));
    setText(this.#open, account ? t.changePassword : t.claimName);
    this.#out.replaceChildren(icon('leave'), account ? t.signOut : t.forgetMe);
    this.#everywhere.hidden = !account;
    this.#guests.hidden = this.#unban.hidden = self?.role !== 'admin';
    this.#unban.replaceChildren(...(self?.role === 'admin' ? [make(UnbanForm, this.chat)] : []));
    this.#fold();
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
      this.#fold();
      setText(this.#done, account ? t.passwordChanged : t.nameClaimed);
      this.#open.focus();
    };
    setText(this.#done, '');
    this.#open.hidden = true;
    this.#place.replaceChildren(form);
    form.focus();
  }

  #fold() {
    this.#open.hidden = false;
    this.#place.replaceChildren();
  }

  /** @param {boolean} allowed */
  async #allowGuests(allowed) {
    try {
      await this.chat.session.ask({ type: 'guests', allowed });
      setText(this.#problem, '');
      setText(this.#done, allowed ? t.isOpenToGuests : t.isClosedToGuests);
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
