/** Strings by which pages have been taken over, and traps that notice it. */

import assert from 'node:assert/strict';

const SCRIPT = 'alert(1);globalThis.pwned=1';
const ELSEWHERE = 'https://evil.example';

/** What it is, and the string. @type {[string, string][]} */
export const HOSTILE = [
  ['a script', `<script>${SCRIPT}</script>`],
  ['a script from elsewhere', `<script src=${ELSEWHERE}/x.js></script>`],
  ['an event handler', '<img src=x onerror=alert(1)>'],
  ['a handler without quotes or spaces', '<img/src/onerror=alert(1)>'],
  ['an end of an attribute', '"><b onclick=alert(1)>x</b>'],
  ['an attribute', '" autofocus onfocus=alert(1) x="'],
  ['an attribute in single quotes', '\' onmouseover=alert(1) \''],
  ['SVG', '<svg onload=alert(1)>'],
  ['SVG with a script', '<svg><script>alert(1)</script>'],
  ['MathML', '<math href="javascript:alert(1)">x</math>'],
  ['a frame', '<iframe srcdoc="<script>alert(1)">'],
  ['an object', '<object data=data:text/html,x>'],
  ['a form', `<form action=${ELSEWHERE}><button>`],
  ['a base', `<base href=${ELSEWHERE}/>`],
  ['a redirection', `<meta http-equiv=refresh content=0;${ELSEWHERE}>`],
  ['a style', '<style>*{display:none}</style>'],
  ['a style sheet from elsewhere', `<link rel=stylesheet href=${ELSEWHERE}>`],
  ['CSS', `red;background:url(${ELSEWHERE}/x)`],
  ['an expression of CSS', '</style><style>@import "//evil"'],
  ['an end of the text', '</p></li></ul></main>'],
  ['a comment', '<!-- --!><script>alert(1)'],
  ['CDATA', '<![CDATA[<b>x]]>'],
  ['a textarea\'s end', '</textarea><script>alert(1)'],
  ['noscript', '<noscript><p title="</noscript>">'],
  ['a link with a script', 'javascript:alert(1)'],
  ['a link with a script in Markdown', '[x](javascript:alert(1))'],
  ['a link with data', 'data:text/html,<script>alert(1)'],
  ['a link to elsewhere', `${ELSEWHERE}/tracker.png`],
  ['a link that looks like another', 'https://аррӏе.com/login'],
  ['a protocol-relative link', '//evil.example/x.js'],
  ['a template of JavaScript', '${alert(1)}`${alert(1)}'],
  ['a template of a framework', '{{constructor.constructor("alert(1)")()}}'],
  ['entities', '&lt;script&gt;alert(1)&#x3c;/script>'],
  ['escapes of JavaScript', '\\u003cscript\\u003ealert(1)'],
  ['percents', '%3Cscript%3Ealert(1)%3C/script%3E'],
  ['JSON', '"},{"type":"message","data":"x'],
  ['the prototype', '__proto__'],
  ['the constructor', 'constructor'],
  ['a path to the prototype', '__proto__[polluted]'],
  ['a method', 'toString'],
  ['another method', 'hasOwnProperty'],
  ['a reserved key', 'lobby\u0000x'],
  ['NUL', 'a\u0000b'],
  ['a new line in a header', 'x\r\nSet-Cookie: a=b'],
  ['a line separator', 'x\u2028alert(1)\u2029'],
  ['an escape sequence', '\u001b[2J\u001b[31mx'],
  ['a right-to-left override', 'x\u202egnp.exe'],
  ['isolates that do not end', '\u2067\u2066\u2068x'],
  ['right-to-left text', 'שלום עולם مرحبا'],
  ['zero width', 'a\u200bb\u200c\u2060\ufeff'],
  ['nothing to see', '\u3164\u115f\u2800'],
  ['tags', 'x\u{e0041}\u{e0042}\u{e007f}'],
  ['a heap of marks', `Z${'\u0301\u0335\u0489'.repeat(12)}`],
  ['half a character', 'x\ud800y'],
  ['a character of no plane', 'x\uffff\u{10ffff}'],
  ['an SQL statement', '\'; DROP TABLE messages; --'],
  ['a format', '%s%n%x{0}{}'],
  ['a path', '../../../../etc/passwd'],
  ['something very long', 'W'.repeat(5_000)],
  ['one very long word', '無'.repeat(31)],
];

/** Markdown by which pages have been taken over: what it is, and the text. @type {[string, string][]} */
export const HOSTILE_MARKDOWN = [
  ['a script', '[x](javascript:alert(1))'],
  ['a script in capitals', '[x](JaVaScRiPt:alert(1))'],
  ['a script behind white space', '[x]( javascript:alert(1))'],
  ['a script with a new line', '[x](<java\nscript:alert(1)>)'],
  ['a script with references', '[x](java&#115;cript&colon;alert(1))'],
  ['a script with an escape', '[x](javascript\\:alert(1))'],
  ['an automatic script', '<javascript:alert(1)>'],
  ['data', '[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)'],
  ['a picture', '![x](https://evil.example/x.png)'],
  ['a picture in a link', '[![x](https://evil.example/x.png)](https://evil.example)'],
  ['a picture with a handler', '![x](x"onerror="alert(1))'],
  ['an end of an attribute', '[x](https://evil.example/"onmouseover="alert(1))'],
  ['a title', '[x](https://evil.example "x\" onclick=\"alert(1)")'],
  ['a reference', '[x][y]\n\n[y]: javascript:alert(1)'],
  ['a definition', '[y]: javascript:alert(1)'],
  ['HTML in bold', '**<img src=x onerror=alert(1)>**'],
  ['HTML in code', '`<script>alert(1)</script>`'],
  ['HTML in a block', '```html"><script>alert(1)</script>\n</code></pre><script>alert(1)</script>\n```'],
  ['HTML in a quote', '> <svg onload=alert(1)>'],
  ['HTML in a list', '- <iframe src=javascript:alert(1)>'],
  ['HTML around Markdown', '<div onclick=alert(1)>\n\n**x**\n\n</div>'],
  ['HTML in an address', 'https://evil.example/<script>alert(1)</script>'],
  ['quotes in an address', 'https://evil.example/"><script>alert(1)</script>'],
  ['a table', '| <b>x</b> |\n|---|\n| [x](javascript:alert(1)) |'],
  ['a heading', '# <script>alert(1)</script>'],
  ['an element without its end', '**<b'],
  ['elements in elements', '> '.repeat(500) + 'x'],
  ['lists in lists', '- '.repeat(500) + 'x'],
  ['marks without end', '*'.repeat(3_000)],
  ['brackets without end', '['.repeat(3_000)],
];

/** Watches a page. */
export class Traps {
  #caught = [];
  #page;

  /**
   * @param {import('./browser.js').Person} person
   * @param {string} url the server's
   */
  constructor(person, url) {
    this.#page = person.page;
    const { host } = new URL(url);
    person.page.on('dialog', (dialog) => { this.#caught.push(`a dialog: ${dialog.message()}`); dialog.dismiss().catch(() => {}); });
    person.page.on('download', (download) => this.#caught.push(`a download: ${download.url()}`));
    person.context.on('page', (page) => this.#caught.push(`a window: ${page.url()}`));
    person.context.on('request', (request) => {
      if (new URL(request.url()).host !== host) this.#caught.push(`a request: ${request.url()}`);
    });
    person.page.on('websocket', (socket) => {
      if (new URL(socket.url()).host !== host) this.#caught.push(`a WebSocket: ${socket.url()}`);
    });
  }

  /** @param {string} after what was tried */
  async check(after) {
    const found = await this.#page.evaluate(() => {
      const inDocument = [...document.querySelectorAll('body *, head *')];
      const foreign = 'iframe, frame, object, embed, img, video, audio, base, style, math, template, foreignObject, marquee, b, meta[http-equiv], body script, body link, form[action], button[formaction]';
      const loads = (element) => ['href', 'src', 'action', 'formaction', 'xlink:href'].some((name) => /^\s*(?:javascript|data|https?|\/\/)/i.test(element.getAttribute(name) ?? ''));
      // A link in a message leads to the web, tells nothing and opens elsewhere.
      const isLink = (element) => element.matches('.text.rich a[rel="noopener noreferrer nofollow"][target=_blank]') && /^(?:https?:\/\/|mailto:)/i.test(element.getAttribute('href'));
      const acts = (element) => element.getAttributeNames().some((name) => /^on/i.test(name) || (name === 'style' && element.id !== 'composer-input' && !/^height: [\d.]+px;$/.test(element.getAttribute(name))));
      return {
        elements: inDocument.filter((element) => element.matches(foreign) || (loads(element) && !isLink(element)) || acts(element)).map((element) => element.outerHTML.slice(0, 120)),
        pwned: globalThis.pwned ?? null,
        polluted: Object.keys(Object.prototype).concat('polluted' in {} ? ['polluted'] : []),
        cookie: document.cookie,
      };
    });
    assert.deepEqual(found, { elements: [], pwned: null, polluted: [], cookie: '' }, after);
    assert.deepEqual(this.#caught, [], after);
  }
}
