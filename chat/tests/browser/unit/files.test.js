import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const WEB = fileURLToPath(new URL('../../../web', import.meta.url));
const files = readdirSync(WEB, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => relative(WEB, join(entry.parentPath, entry.name)));
const text = (file) => readFileSync(join(WEB, file), 'utf8');
const index = text('index.html');

/** Every module that a module leads to. */
function graph(file, seen = new Set()) {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, target] of text(file).matchAll(/^import (?:[^;]*? from )?'([^']+)';/gm)) graph(normalize(join(dirname(file), target)), seen);
  return seen;
}

/** Runs beside the page, not in it. */
const WORKER = 'sw.js';

test('every module is needed by the page', () => {
  assert.deepEqual(files.filter((file) => file.endsWith('.js') && file !== WORKER).sort(), [...graph('main.js')].sort());
});

test('the page names every style sheet', () => {
  const named = [...index.matchAll(/rel="stylesheet" href="([^"]+)"/g)].map(([, href]) => href);
  assert.deepEqual([...named].sort(), files.filter((file) => file.endsWith('.css')).sort());
});

test('nothing is inline, and nothing comes from elsewhere', () => {
  assert.doesNotMatch(index, /<style|<script(?![^>]*src=)|\sstyle=|\son\w+=/);
  for (const file of files) {
    const foreign = [...text(file).matchAll(/\b(?:https?|wss?):\/\/(?!www\.w3\.org\/2000\/svg)[^\s'"`)]+/g)].map(([address]) => address);
    assert.deepEqual(foreign, [], file);
  }
});

test('text cannot become markup: no module uses what parses it', () => {
  for (const file of files.filter((name) => name.endsWith('.js'))) {
    assert.doesNotMatch(text(file), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|setHTML|\beval\b|new Function|srcdoc/, file);
  }
});

test('files are small: none has more than 500 lines', () => {
  for (const file of files) assert.ok(text(file).split('\n').length <= 500, file);
});
