import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const css = (name) => readFileSync(new URL(`../../../web/styles/${name}.css`, import.meta.url), 'utf8');
const read = (part) => Object.fromEntries([...part.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})\b/g)].map(([, name, colour]) => [name, colour]));
const light = read(css('tokens'));
const dark = { ...light, ...read(css('dark')) };

/** Text, and what it stands on. */
const TEXT = [
  ['text', ['ground', 'panel', 'raised', 'hover', 'selected', 'bubble', 'bubble-own', 'danger-fill', 'thumb']],
  ['muted', ['ground', 'panel', 'raised', 'hover', 'selected']],
  ['bubble-muted', ['bubble', 'bubble-own', 'ground']],
  ['link', ['bubble', 'bubble-own']],
  ['accent-ink', ['ground', 'panel', 'raised']],
  ['on-accent', ['accent', 'accent-hover']],
  ['on-lamp', ['lamp']],
  ['on-notice', ['notice']],
  ['danger', ['ground', 'panel', 'raised', 'danger-fill']],
  ...Array.from({ length: 12 }, (_, hue) => [`hue-${hue}-ink`, [`hue-${hue}-fill`, 'ground', 'panel']]),
];

/** The outlines of controls, and what shows the focus. */
const SHAPES = [['line-strong', ['ground', 'raised', 'panel']], ['focus', ['ground', 'raised', 'panel']], ['accent', ['panel', 'ground']]];

for (const [scheme, colours] of [['light', light], ['dark', dark]]) {
  test(`text has a contrast of 4.5 or more: ${scheme}`, () => check(colours, TEXT, 4.5));
  test(`controls have a contrast of 3 or more: ${scheme}`, () => check(colours, SHAPES, 3));
}

function check(colours, pairs, least) {
  for (const [ink, grounds] of pairs) {
    for (const ground of grounds) {
      assert.ok(colours[ink] && colours[ground], `${ink} or ${ground} is not in tokens.css`);
      const ratio = contrast(colours[ink], colours[ground]);
      assert.ok(ratio >= least, `${ink} on ${ground}: ${ratio.toFixed(2)}`);
    }
  }
}

/** WCAG 2.2, contrast ratio. */
function contrast(a, b) {
  const [dim, bright] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (bright + 0.05) / (dim + 0.05);
}

function luminance(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
