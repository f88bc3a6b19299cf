import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { CompositionWatch } from '../../../web/elements/composition.js';

let input;
let watch;
beforeEach(() => {
  input = new EventTarget();
  watch = new CompositionWatch(input, 'Safari');
});

/** The events of a page carry the time; these carry the one that the test says. */
function happen(type, timeStamp) {
  const event = new Event(type);
  Object.defineProperty(event, 'timeStamp', { value: timeStamp });
  input.dispatchEvent(event);
}
const enter = (timeStamp, extra = {}) => watch.owns({ isComposing: false, keyCode: 13, timeStamp, ...extra });

test('an Enter within a composition belongs to the input method', () => {
  assert.equal(enter(0, { isComposing: true }), true);
  assert.equal(enter(0, { keyCode: 229 }), true);
  assert.equal(enter(0), false);
});

test('an Enter that is told of after the end of its composition belongs to the input method, too', () => {
  happen('compositionstart', 100);
  happen('compositionend', 500);
  assert.equal(enter(500.1), true);
  happen('keyup', 560);
  assert.equal(enter(580), false, 'the next one is the person\'s');
});

test('after a composition that was ended by another key, the next Enter sends, however fast', () => {
  happen('compositionstart', 100);
  happen('compositionend', 500);
  happen('keyup', 530);
  assert.equal(enter(540), false);
});

test('on Android, where every word is a composition, the Enter behind it sends', () => {
  watch = new CompositionWatch(input, 'Mozilla/5.0 (Linux; Android 15)');
  happen('compositionstart', 100);
  happen('compositionend', 500);
  assert.equal(enter(501), false);
  assert.equal(enter(501, { isComposing: true }), true);
});

test('after a candidate was taken with the mouse, Enter sends', () => {
  happen('compositionstart', 100);
  happen('compositionend', 500);
  assert.equal(enter(800), false);
});

test('half of a syllable is not looked for; on Android, where it is half of a word, it is', () => {
  assert.equal(watch.composing, false);
  happen('compositionstart', 100);
  assert.equal(watch.composing, true);
  happen('compositionend', 500);
  assert.equal(watch.composing, false);
  watch = new CompositionWatch(input, 'Mozilla/5.0 (Linux; Android 15)');
  happen('compositionstart', 600);
  assert.equal(watch.composing, false);
});
