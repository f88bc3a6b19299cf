/** The page's pictures, drawn for it: the mark, and small line icons on a grid of 20. */

import { svg } from './dom.js';

/** @type {Record<string, string[]>} */
const PATHS = {
  menu: ['M3.5 6h13', 'M3.5 10h13', 'M3.5 14h8'],
  people: ['M7.5 9.5a2.75 2.75 0 1 0 0-5.5 2.75 2.75 0 0 0 0 5.5Z', 'M2.5 16c.4-2.6 2.3-4 5-4s4.6 1.4 5 4', 'M13 4.4a2.5 2.5 0 0 1 0 4.7', 'M14.8 12.3c1.5.6 2.45 1.85 2.7 3.7'],
  person: ['M10 10a3.2 3.2 0 1 0 0-6.4A3.2 3.2 0 0 0 10 10Z', 'M4 17c.5-3 2.8-4.6 6-4.6s5.5 1.6 6 4.6'],
  search: ['M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11Z', 'M13 13l3.5 3.5'],
  goTo: ['M3 10h10.5', 'M9.3 5.8 13.5 10l-4.2 4.2', 'M17 4.5v11'],
  calendar: ['M4 6.4a1 1 0 0 1 1-1h10a1 1 0 0 1 1 1v9.1a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1Z', 'M4 9.2h12', 'M7.2 3.6v3', 'M12.8 3.6v3'],
  plus: ['M10 4.5v11', 'M4.5 10h11'],
  close: ['M5 5l10 10', 'M15 5L5 15'],
  send: ['M10 16V4.5', 'M5 9.2 10 4.2l5 5'],
  up: ['M10 16V4.5', 'M5 9.2 10 4.2l5 5'],
  down: ['M10 4v11.5', 'M5 10.8l5 5 5-5'],
  leave: ['M11.5 3.5H5.5a1 1 0 0 0-1 1v11a1 1 0 0 0 1 1h6', 'M9 10h8', 'M14 6.8 17.2 10 14 13.2'],
  pencil: ['M4 16l.8-3.4L13.3 4.1a1.6 1.6 0 0 1 2.3 0l.3.3a1.6 1.6 0 0 1 0 2.3L7.4 15.2 4 16Z'],
  settings: ['M3.5 6h6.5', 'M14 6h2.5', 'M12 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z', 'M3.5 14H6', 'M10 14h6.5', 'M8 16a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z'],
  smile: ['M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14Z', 'M7 11.6c.6 1.2 1.7 1.8 3 1.8s2.4-.6 3-1.8', 'M7.7 7.9v.1', 'M12.3 7.9v.1'],
  reply: ['M8.5 5 4 9.3l4.5 4.3', 'M4.3 9.3h6.4c3 0 5 1.9 5.3 5.7'],
  link: ['M8.4 11.6a3 3 0 0 0 4.4.1l2.3-2.3a3.05 3.05 0 0 0-4.3-4.3l-.9.9', 'M11.6 8.4a3 3 0 0 0-4.4-.1l-2.3 2.3a3.05 3.05 0 0 0 4.3 4.3l.9-.9'],
  trash: ['M4 5.8h12', 'M8 5.6V4.2h4v1.4', 'M5.6 6l.7 9.3a1 1 0 0 0 1 .9h5.4a1 1 0 0 0 1-.9l.7-9.3'],
  more: ['M5 10v.1', 'M10 10v.1', 'M15 10v.1'],
  lock: ['M5.5 9h9a1 1 0 0 1 1 1v5.5a1 1 0 0 1-1 1h-9a1 1 0 0 1-1-1V10a1 1 0 0 1 1-1Z', 'M7 9V6.6a3 3 0 0 1 6 0V9'],
  info: ['M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14Z', 'M10 9.4v4', 'M10 6.7v.1'],
  bellOff: ['M3.5 3.5l13 13', 'M6.3 7.2A4 4 0 0 0 6 8.8c0 3-1.3 4.4-1.3 4.4h8', 'M8.2 5.2A4 4 0 0 1 14 8.8c0 1 .1 1.7.3 2.3', 'M8.7 15.5a1.5 1.5 0 0 0 2.6 0'],
  message: ['M4.5 4.5h11a1 1 0 0 1 1 1V13a1 1 0 0 1-1 1H9l-3.5 2.8V14h-1a1 1 0 0 1-1-1V5.5a1 1 0 0 1 1-1Z'],
  unread: ['M12.5 4.5h-8a1 1 0 0 0-1 1V13a1 1 0 0 0 1 1h1v2.8L9 14h6.5a1 1 0 0 0 1-1V8', 'M16 4.7a.6.6 0 1 0 0 .1Z'],
  archive: ['M3.5 4.5h13V8h-13Z', 'M4.5 8v7.5a.5.5 0 0 0 .5.5h10a.5.5 0 0 0 .5-.5V8', 'M8.2 10.8h3.6'],
  clock: ['M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14Z', 'M10 6.2V10l2.5 1.7'],
  alert: ['M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14Z', 'M10 6.5v4.2', 'M10 13.4v.1'],
  cloudOff: ['M3.5 3.5l13 13', 'M6.2 7.3A3.8 3.8 0 0 0 6 14.9h8.2', 'M9 5.4a4.6 4.6 0 0 1 5.5 4 2.9 2.9 0 0 1 2.3 4.2'],
};

/**
 * @param {keyof typeof PATHS & string} name
 * @returns {SVGElement}
 */
export function icon(name) {
  return svg(
    'svg',
    { class: 'icon', viewBox: '0 0 20 20', 'aria-hidden': 'true', focusable: 'false' },
    ...(PATHS[name] ?? []).map((d) => svg('path', { d })),
  );
}

/** Two jacks and the cord that connects them. */
export function mark() {
  return svg(
    'svg',
    { class: 'mark', viewBox: '0 0 32 32', 'aria-hidden': 'true', focusable: 'false' },
    svg('rect', { class: 'mark-panel', width: 32, height: 32, rx: 8.5 }),
    svg('path', { class: 'mark-cord', d: 'M10 10.5c0 9 12 2 12 11' }),
    svg('circle', { class: 'mark-jack', cx: 10, cy: 10, r: 4 }),
    svg('circle', { class: 'mark-lamp', cx: 22, cy: 22, r: 4 }),
  );
}

/**
 * A room's jack: an empty socket for a room one is not in, a plugged one for a room one is in.
 * @param {boolean} plugged
 */
export function jack(plugged) {
  return svg(
    'svg',
    { class: plugged ? 'jack plugged' : 'jack', viewBox: '0 0 20 20', 'aria-hidden': 'true', focusable: 'false' },
    svg('circle', { class: 'jack-ring', cx: 10, cy: 10, r: 6.25 }),
    svg('circle', { class: 'jack-hole', cx: 10, cy: 10, r: 2.75 }),
  );
}
