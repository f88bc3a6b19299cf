/** Makes the icons that launchers want as PNG of those that are drawn as SVG: `npm run icons`, after a change of them. */

import { readFile, writeFile } from 'node:fs/promises';

import { launch } from './support/browser.js';

const FOLDER = new URL('../../web/icons/', import.meta.url);
const ICONS = [['icon', 192, 'icon-192'], ['icon', 512, 'icon-512'], ['maskable', 512, 'maskable-512']];

const browser = await launch();
for (const [source, size, target] of ICONS) {
  const page = await browser.newPage({ viewport: { width: size, height: size } });
  const svg = await readFile(new URL(`${source}.svg`, FOLDER), 'utf8');
  await page.setContent(`<style>body{margin:0}svg{display:block;inline-size:${size}px}</style>${svg}`);
  await writeFile(new URL(`${target}.png`, FOLDER), await page.screenshot({ omitBackground: true }));
  await page.close();
}
await browser.close();
