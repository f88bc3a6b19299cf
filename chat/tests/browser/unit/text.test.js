import assert from 'node:assert/strict';
import { test } from 'node:test';

import { characters, excess } from '../../../web/text/count.js';
import { EMOJI_GROUPS, emojiNamed, findEmoji } from '../../../web/text/emoji.js';
import { languageOf } from '../../../web/text/language.js';
import { HUES, hueOf, initials, nameProblem, titleProblem } from '../../../web/text/names.js';

test('lengths are in characters as people see them', () => {
  for (const [text, expected] of [['', 0], ['abc', 3], ['李雷', 2], ['👍', 1], ['👩‍👩‍👧', 1], ['a👍b👍🏽', 4], ['e\u0301', 1], ['🇨🇳🇩🇪', 2], ['\ud83d', 1]]) {
    assert.equal(characters(text), expected, JSON.stringify(text));
  }
  assert.equal(characters('x'.repeat(1_000_000)), 1_000_000);
});

test('few characters can have too many bytes', () => {
  assert.equal(excess('abc', 4), -1);
  assert.equal(excess('abcde', 4), 1);
  assert.equal(excess('👍👍👍👍', 4), 0);
  assert.equal(excess('👩‍👩‍👧', 4), 1, '18 bytes');
  assert.equal(excess('长'.repeat(48), 48, 144), 0);
  assert.equal(excess('👍'.repeat(48), 48, 144) > 0, true);
});

test('initials: two of a Latin name of two words, one of any other', () => {
  for (const [name, expected] of [
    ['Ann', 'A'], ['ann lee', 'AL'], ['Ann-Marie', 'AM'], ['李雷', '李'], ['韩梅梅', '韩'], ['Ёлка', 'Ё'],
    ['李 雷', '李'], ['Ann 李', 'A李'], ['👍 ok', '👍'], ['7up', '7'], [' ', '?'], ['...', '?'],
  ]) assert.equal(initials(name), expected, name);
});

test('the colour of a name is always the same, and all colours are used', () => {
  const used = new Set(Array.from({ length: 500 }, (_, i) => hueOf(`person ${i}`)));
  assert.equal(used.size, HUES);
  assert.ok([...used].every((hue) => Number.isInteger(hue) && hue >= 0 && hue < HUES));
  assert.equal(hueOf('李雷'), hueOf('李雷'));
});

test('names that the server would refuse are noticed before', () => {
  for (const [name, expected] of [
    ['Ann', null], ['  Ann  ', null], ['', 'bad_name'], ['   ', 'bad_name'], ['a\u202eb', 'bad_name'], ['a\u0007b', 'bad_name'], ['An\u200bn', 'bad_name'], ['\u3164', 'bad_name'],
    ['👩‍💻', null], ['علی\u200cرضا', null], ['__proto__', null],
    ['👍'.repeat(32), null], ['长'.repeat(33), 'name_too_long'],
  ]) assert.equal(nameProblem(name, 32), expected, JSON.stringify(name));
  assert.equal(titleProblem('Tea time 茶', 48), null);
  assert.equal(titleProblem('x'.repeat(49), 48), 'bad_room');
});

test('the language of a text is told by its script, where it tells', () => {
  for (const [text, expected] of [['你好', 'zh-CN'], ['Tea time 茶', 'zh-CN'], ['お茶', 'ja'], ['안녕', 'ko'], ['last week’s', ''], ['да', ''], ['7:30 …', null], ['', null]]) {
    assert.equal(languageOf(text), expected, text);
  }
});

test('emoji are found by what they are called, in both languages', () => {
  assert.equal(findEmoji('thumb', 1)[0].emoji, '👍');
  assert.equal(findEmoji('笑', 6).length, 6);
  assert.equal(findEmoji('tada', 3)[0].emoji, '🎉');
  assert.equal(emojiNamed('heart'), '❤️');
  assert.equal(emojiNamed('谢谢'), '🙏');
  assert.equal(emojiNamed('nothing of that kind'), null);
  const all = EMOJI_GROUPS.flatMap(([, list]) => list);
  assert.ok(all.length >= 100);
  assert.equal(new Set(all.map(({ emoji }) => emoji)).size, all.length, 'each is there once');
  for (const { emoji, en, zh } of all) assert.ok([...en, ...zh].every((name) => /^[\p{L}\p{N}_+-]+$/u.test(name)), emoji);
});
