import assert from 'node:assert/strict';
import { test } from 'node:test';

import { mentions } from '../../../web/state/mentions.js';

test('a name is a whole word, in whatever case; in Chinese it stands anywhere', () => {
  for (const [text, name, expected] of [
    ['Ann, come!', 'Ann', true], ['hi @ann', 'Ann', true], ['(ANN)', 'Ann', true], ['Ann', 'Ann', true], ['Ann和李雷', 'Ann', true],
    ['annex', 'Ann', false], ['Joann', 'Ann', false], ['Ann2', 'Ann', false], ['annex, Ann', 'Ann', true],
    ['我和李雷去', '李雷', true], ['@李雷 你好', '李雷', true], ['李 雷', '李雷', false],
    ['Ann Lee is here', 'Ann Lee', true], ['anything', '', false], ['José', 'Jose\u0301', true],
  ]) assert.equal(mentions(text, name), expected, `${name} in: ${text}`);
});
