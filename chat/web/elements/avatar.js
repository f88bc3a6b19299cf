/** A person's picture: the initials of the name, in the name's colour. */

import { hueOf, initials } from '../text/names.js';
import { languageOf } from '../text/language.js';
import { h } from './dom.js';

/** @param {string} name */
export function avatar(name) {
  return h('span', { class: 'avatar', 'data-hue': hueOf(name), lang: languageOf(name), 'aria-hidden': 'true' }, initials(name));
}
