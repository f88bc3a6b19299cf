/** Where the page begins. */

import { Chat } from './chat.js';
import { make } from './elements/chat-element.js';
import { ChatApp } from './elements/chat-app.js';
import { watchIdle } from './elements/idle.js';
import { followKeyboard } from './elements/viewport.js';
import { keepShell } from './net/shell.js';

/** How often the list of rooms is asked for while the page is looked at, in milliseconds; also proves that the connection lives. */
const REFRESH_MS = 60_000;

const chat = new Chat();
// Before there is anything to be seen: the answer is on its way meanwhile.
chat.comeBack();
let app = make(ChatApp, chat);
document.body.replaceChildren(app);

chat.onLanguage = () => {
  const { typedName, drawer } = app.kept;
  app = make(ChatApp, chat);
  app.typedName = typedName;
  app.drawer = drawer;
  document.body.replaceChildren(app);
  const pressed = document.querySelector('.language-switch [aria-pressed="true"]');
  if (pressed instanceof HTMLElement) pressed.focus();
};

const wake = () => {
  if (document.visibilityState !== 'visible') return;
  chat.session.wake();
  chat.lookForBuild();
};
window.addEventListener('online', wake);
window.addEventListener('offline', wake);
window.addEventListener('pageshow', wake);
document.addEventListener('visibilitychange', wake);
window.addEventListener('storage', () => chat.followOtherTabs());

/** Whoever goes may not come back: what is kept for later is kept now. */
const settle = () => {
  chat.drafts.save();
  chat.session.reads.flush();
};
window.addEventListener('pagehide', settle);
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') settle();
});
setInterval(() => {
  if (document.visibilityState !== 'visible') return;
  chat.session.refresh();
  chat.lookForBuild();
}, REFRESH_MS);

// After a reconnect it may be another server.
let lost = false;
chat.store.subscribe(() => {
  const { ready, wasReady } = chat.store.link;
  if (ready && lost) chat.lookForBuild(true);
  lost = wasReady && !ready;
});

followKeyboard();
watchIdle((isAway) => {
  chat.attention.isAway = isAway;
  chat.session.setAway(isAway);
});
window.addEventListener('load', keepShell);
