/**
 * Making elements. Text becomes text nodes and values become attributes: nothing here, or anywhere on this page, is ever
 * parsed as markup.
 */

import { languageOf } from '../text/language.js';

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} [attributes]
 *   a function is a listener for the event that the key names, `true` an attribute without a value; null, undefined and false are left out
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {string} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...Node} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** Whether to put the keyboard into a field unasked: not where that would make one slide in over half of the page. */
export function keyboardIsNear() {
  return window.matchMedia('(hover: hover) and (pointer: fine)').matches;
}

/**
 * Sets the text only where it differs, so that a screen reader is not told again what it has read.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * A name or title by whoever wrote it, which does not turn the text around it, and has its own language.
 * @param {string} text
 * @param {string} [className]
 */
export function bdi(text, className) {
  return h('bdi', { class: className, lang: languageOf(text) }, text);
}
