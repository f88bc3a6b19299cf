import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Drafts, DRAFTS_MAX } from '../../../web/state/drafts.js';
import { Memory } from '../../../web/state/memory.js';
import { FakeStorage } from './fakes.js';

const storage = new FakeStorage();
const tab = (later = () => {}) => new Drafts(new Memory(() => storage, () => new FakeStorage()), later);

test('what is written outlives the page, and other tabs keep theirs', () => {
  const [one, other] = [tab(), tab()];
  one.set('tea', 'half a sent');
  other.set('lobby', '写了一半');
  one.save();
  other.save();
  assert.deepEqual([tab().get('tea'), tab().get('lobby')], ['half a sent', '写了一半']);
  one.set('tea', '');
  one.save();
  assert.deepEqual([tab().get('tea'), tab().get('lobby')], ['', '写了一半']);
});

test('what was written last is not stored when somebody else comes', () => {
  const timers = [];
  const drafts = tab((callback) => timers.push(callback));
  drafts.set('tea', 'for her friends');
  drafts.forget();
  timers[0]();
  assert.equal(tab().get('tea'), '');
});

test('what a draft answers is kept with it', () => {
  const reply = { seq: 7, from: '李雷', data: 'shall we say seven?', deleted: false };
  const one = tab();
  one.answer('tea', reply);
  one.save();
  assert.deepEqual([tab().answered('tea'), tab().answered('lobby'), tab().get('tea')], [reply, null, '']);
  one.answer('tea', null);
  one.save();
  assert.equal(tab().answered('tea'), null);
  for (const nonsense of ['{', '7', '{"tea":7}', '{"tea":{"seq":"7"}}', '{"tea":null}']) {
    storage.setItem('switchboard.replies', nonsense);
    assert.equal(tab().answered('tea'), null);
  }
});

test('another text for a message is kept until it is sent or given up', () => {
  const edit = { seq: 7, from: 'Ann', data: 'as it was', text: 'as it sh' };
  const one = tab();
  one.edit('tea', edit);
  one.edit('tea', { ...edit, text: 'as it shall' });
  one.save();
  assert.deepEqual([tab().edited('tea'), tab().edited('lobby')], [{ ...edit, text: 'as it shall' }, null]);
  one.edit('tea', null);
  one.save();
  assert.equal(tab().edited('tea'), null);
  for (const nonsense of ['{', '7', '{"tea":7}', '{"tea":{"seq":7}}', '{"tea":null}']) {
    storage.setItem('switchboard.edits', nonsense);
    assert.equal(tab().edited('tea'), null);
  }
});

test('many letters are stored once', () => {
  const timers = [];
  const drafts = tab((callback) => timers.push(callback));
  for (const text of ['a', 'ab', 'abc']) drafts.set('fast', text);
  assert.equal(timers.length, 1);
  assert.equal(tab().get('fast'), '');
  timers[0]();
  assert.equal(tab().get('fast'), 'abc');
});

test('there is an end to what is stored: the oldest go, and what is too long stays in the page alone', () => {
  const drafts = tab();
  for (let i = 0; i < DRAFTS_MAX + 5; i += 1) drafts.set(`room ${i}`, 'x');
  drafts.set('long', 'x'.repeat(30_000));
  drafts.save();
  assert.deepEqual([tab().get('room 4'), tab().get('room 5'), tab().get('long')], ['', 'x', '']);
  assert.equal(drafts.get('long').length, 30_000);
});

test('what makes no sense is not taken for a draft', () => {
  for (const nonsense of ['{', '7', 'null', '{"tea":7}']) {
    storage.setItem('switchboard.drafts', nonsense);
    assert.equal(tab().get('tea'), '');
  }
});
