import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseMarkup } from '../../../web/text/markup.js';
import { HOSTILE } from '../support/hostile.js';

const element = (tag, attributes, ...children) => ({ tag, attributes, children });
const LINK = { rel: 'noopener noreferrer nofollow', target: '_blank' };

test('what the server writes is read', () => {
  assert.deepEqual(parseMarkup('<p>a &lt;b&gt; &amp;amp; &quot;c&quot;<br><strong>d</strong></p>'), [
    element('p', {}, 'a <b> &amp; "c"', element('br', {}), element('strong', {}, 'd')),
  ]);
  assert.deepEqual(parseMarkup(`<p><a href="https://a.b/?c=1&amp;d" rel="${LINK.rel}" target="_blank">x</a></p>`), [
    element('p', {}, element('a', { href: 'https://a.b/?c=1&d', ...LINK }, 'x')),
  ]);
  assert.deepEqual(parseMarkup('<ol start="3"><li>a</li></ol>'), [element('ol', { start: '3' }, element('li', {}, 'a'))]);
});

test('what is not exactly of that part of HTML is none of it', () => {
  for (const html of [
    '<script>alert(1)</script>', '<P>x</P>', '<p>x', '<p>x</strong>', '</p>', '<p class="x">x</p>', '<p onclick="x">x</p>', '<p/>', '<br/>', '<a>x</a>',
    '<a href="javascript:alert(1)">x</a>', '<a href="java&#115;cript:x">x</a>', '<a href="//a.b">x</a>', '<a href="data:text/html,x">x</a>', '<a href="https://a b">x</a>',
    '<a href="https://a.b" onclick="x">x</a>', '<a href=https://a.b>x</a>', '<a href="https://a.b" rel="opener">x</a>', '<ol start="-1"></ol>', '<ol start="x"></ol>', '&nbsp;', '&', 'a < b', 'a > b', '<!-- x -->', '<p><!--x--></p>',
    '<img src="x">', '<svg></svg>', '<p style="x">x</p>', '<constructor>x</constructor>', '<p __proto__="x">x</p>', '<a href="https://a.b" href="javascript:x">y</a>', '<p >x</p>', '<ul>'.repeat(30) + '</ul>'.repeat(30),
  ]) assert.equal(parseMarkup(html), null, html);
});

test('of hostile strings nothing comes but text', () => {
  for (const [what, text] of HOSTILE) {
    const markup = parseMarkup(text);
    assert.ok(markup === null || markup.every((part) => typeof part === 'string'), what);
  }
});
