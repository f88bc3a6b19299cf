/** The picture beside the door: a switchboard's panel of jacks and lamps, with some cords plugged in. */

import { svg } from './dom.js';

const COLUMNS = 8;
const ROWS = 9;
const STEP_X = 60;
const STEP_Y = 68;
const MARGIN = 52;

/** From a jack to another, each as column and row; the last number chooses the colour in styles/gate.css. */
const CORDS = [
  { from: [1, 1], to: [4, 3], colour: 1 },
  { from: [6, 1], to: [2, 4], colour: 2 },
  { from: [0, 3], to: [3, 6], colour: 3 },
  { from: [7, 4], to: [5, 7], colour: 4 },
];

/** @returns {SVGElement} decoration only */
export function patchPanel() {
  const plugged = new Set(CORDS.flatMap(({ from, to }) => [String(from), String(to)]));
  const jacks = [];
  for (let row = 0; row < ROWS; row += 1) {
    for (let column = 0; column < COLUMNS; column += 1) jacks.push(socket(column, row, plugged.has(`${column},${row}`)));
  }
  return svg(
    'svg',
    {
      class: 'patch-panel', viewBox: `0 0 ${MARGIN * 2 + (COLUMNS - 1) * STEP_X} ${MARGIN * 2 + (ROWS - 1) * STEP_Y}`,
      preserveAspectRatio: 'xMidYMid slice', 'aria-hidden': 'true', focusable: 'false',
    },
    ...jacks,
    ...CORDS.flatMap(cord),
  );
}

/**
 * @param {number} column
 * @param {number} row
 * @param {boolean} lit
 */
function socket(column, row, lit) {
  const { x, y } = place(column, row);
  return svg(
    'g',
    {},
    svg('circle', { class: lit ? 'panel-lamp lit' : 'panel-lamp', cx: x, cy: y - 23, r: 3.5 }),
    svg('circle', { class: 'panel-jack', cx: x, cy: y, r: 11 }),
    svg('circle', { class: 'panel-hole', cx: x, cy: y, r: 5 }),
  );
}

/** @param {{ from: number[], to: number[], colour: number }} cord */
function cord({ from, to, colour }) {
  const start = place(from[0] ?? 0, from[1] ?? 0);
  const end = place(to[0] ?? 0, to[1] ?? 0);
  // A cord hangs: both control points lie below the lower end.
  const sag = Math.max(start.y, end.y) + 70;
  const d = `M${start.x} ${start.y} C${start.x} ${sag}, ${end.x} ${sag + 30}, ${end.x} ${end.y}`;
  return [
    svg('path', { class: 'panel-shadow', d, transform: 'translate(0 5)' }),
    svg('path', { class: `panel-cord cord-${colour}`, d }),
    ...[start, end].map(({ x, y }) => svg('circle', { class: `panel-plug cord-${colour}`, cx: x, cy: y, r: 8 })),
  ];
}

/**
 * @param {number} column
 * @param {number} row
 */
function place(column, row) {
  return { x: MARGIN + column * STEP_X, y: MARGIN + row * STEP_Y };
}
