import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EVERYBODY, mentions, speaksOf, splitMentions } from '../../../web/state/mentions.js';

test('the server says whom a message speaks of: this person, or everybody', () => {
  const self = { id: 7, name: 'Ann', guest: true, role: 'guest' };
  for (const [people, expected] of [[[7], true], [[9, 0], true], [[9], false], [undefined, false]]) assert.equal(speaksOf({ mentions: people }, self), expected);
  assert.equal(speaksOf({ mentions: [0] }, null), false);
});

test('what means somebody is cut out of the text, and nothing else', () => {
  for (const [text, expected] of [
    ['hi @Ann!', ['hi ', '@Ann', '!']], ['@ann和李雷', ['', '@ann', '和李雷']], ['me@annex.org', ['me@annex.org']], ['@annex', ['@annex']],
    ['@所有人开会', ['', '@所有人', '开会']], ['@room?', ['', '@room', '?']], ['no one', ['no one']],
    ['请@Ann看看', ['请', '@Ann', '看看']], ['都来＠所有人：', ['都来', '＠所有人', '：']], ['a_@Ann x/@Ann @@Ann', ['a_@Ann x/@Ann @', '@Ann', '']], ['@Ann_', ['@Ann_']],
    ['@ＡＮＮ @ann', ['', '@ＡＮＮ', ' ', '@ann', '']], ['@Ann\u0301', ['@Ann\u0301']],
  ]) assert.deepEqual(splitMentions(text, ['Ann', ...EVERYBODY]), expected, text);
  assert.deepEqual(splitMentions('@a.b*c x @aXb', ['a.b*c']), ['', '@a.b*c', ' x @aXb'], 'a name is no pattern');
  assert.deepEqual(splitMentions('@room', []), ['@room']);
  for (const [text, expected] of [['请@李雷看看', ['请', '@李雷', '看看']], ['＠李雷', ['', '＠李雷', '']], ['@李四', ['', '@李', '四']]]) assert.deepEqual(splitMentions(text, ['李', '李雷']), expected, text);
  assert.deepEqual(splitMentions('hi @Zoe\u0308!', ['Zoë']), ['hi ', '@Zoe\u0308', '!'], 'however it is written');
});

test('a name is a whole word, in whatever case; in Chinese it stands anywhere', () => {
  for (const [text, name, expected] of [
    ['Ann, come!', 'Ann', true], ['hi @ann', 'Ann', true], ['(ANN)', 'Ann', true], ['Ann', 'Ann', true], ['Ann和李雷', 'Ann', true],
    ['annex', 'Ann', false], ['Joann', 'Ann', false], ['Ann2', 'Ann', false], ['annex, Ann', 'Ann', true],
    ['我和李雷去', '李雷', true], ['@李雷 你好', '李雷', true], ['李 雷', '李雷', false],
    ['Ann Lee is here', 'Ann Lee', true], ['anything', '', false], ['José', 'Jose\u0301', true],
  ]) assert.equal(mentions(text, name), expected, `${name} in: ${text}`);
});
