/** Dates, times, numbers and lists as this person's locale writes them. */

import { isolated, language, locale, t } from './index.js';

/** @type {Map<string, any>} */
const cache = new Map();

/**
 * Making a formatter is slow, using it is fast.
 * @template T
 * @param {string} kind
 * @param {() => T} create
 * @returns {T}
 */
function cached(kind, create) {
  const key = `${locale} ${language} ${kind}`;
  if (!cache.has(key)) cache.set(key, create());
  return cache.get(key);
}

/**
 * 14:05
 * @param {number} ts
 */
export function formatTime(ts) {
  return cached('time', () => new Intl.DateTimeFormat(locale, { hour: 'numeric', minute: '2-digit' })).format(ts);
}

/**
 * The whole of it, for whoever asks.
 * @param {number} ts
 */
export function formatMoment(ts) {
  return cached('moment', () => new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'short' })).format(ts);
}

/**
 * Today, Yesterday, Monday 17 November; the year only where it is another one.
 * @param {number} ts
 * @param {number} now
 */
export function formatDay(ts, now) {
  const days = Math.round((midnight(ts) - midnight(now)) / 86_400_000);
  if (days === 0 || days === -1) {
    const word = cached('relative', () => new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })).format(days, 'day');
    return word.charAt(0).toLocaleUpperCase(locale) + word.slice(1);
  }
  const sameYear = new Date(ts).getFullYear() === new Date(now).getFullYear();
  return cached(`day ${sameYear}`, () => new Intl.DateTimeFormat(locale, {
    weekday: 'long', day: 'numeric', month: 'long', ...(sameYear ? {} : { year: 'numeric' }),
  })).format(ts);
}

/** How long ago something was is said in the greatest of these, each with its length in minutes. @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [['year', 525_600], ['month', 43_800], ['day', 1_440], ['hour', 60], ['minute', 1]];

/**
 * 5 minutes ago
 * @param {number} ts
 * @param {number} now
 */
export function formatAgo(ts, now) {
  const minutes = (now - ts) / 60_000;
  const found = UNITS.find(([, length]) => minutes >= length);
  if (found === undefined) return t.justNow;
  const [unit, length] = found;
  const isDays = unit === 'day';
  // "Yesterday" is a day of the calendar, not 24 hours.
  const count = isDays ? Math.round((midnight(now) - midnight(ts)) / 86_400_000) : Math.floor(minutes / length);
  const numeric = isDays ? 'auto' : 'always';
  return cached(`ago ${numeric}`, () => new Intl.RelativeTimeFormat(locale, { numeric })).format(-count, unit);
}

/**
 * 30 November 2026
 * @param {number} ts
 */
export function formatDate(ts) {
  return cached('date', () => new Intl.DateTimeFormat(locale, { dateStyle: 'long' })).format(ts);
}

/**
 * The beginning of a day, here.
 * @param {string} day as date fields write it: 2026-11-22
 * @param {number} [later] so many days after it
 * @returns {number | null} milliseconds since 1970
 */
export function dayStart(day, later = 0) {
  const [, year, month, date] = /^(\d{4,6})-(\d\d)-(\d\d)$/.exec(day) ?? [];
  if (year === undefined) return null;
  const start = new Date(Number(year), Number(month) - 1, Number(date) + later).getTime();
  return start >= 0 ? start : null;
}

/** Today, as date fields write it. */
export function today() {
  const now = new Date();
  return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, '0')).join('-');
}

/** @param {number} value */
export function formatNumber(value) {
  return cached('number', () => new Intl.NumberFormat(locale)).format(value);
}

/**
 * Ann, Bob and 李雷
 * @param {string[]} items
 */
export function formatList(items) {
  return cached('list', () => new Intl.ListFormat(language, { type: 'conjunction' })).format(items.map(isolated));
}

/** @param {number} ts */
function midnight(ts) {
  return new Date(ts).setHours(0, 0, 0, 0);
}
