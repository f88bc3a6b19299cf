/**
 * Who came and went, boiled down: between two messages each person is told of once, by what it came to. Who left and is
 * back again (a connection that was lost for a moment) is not told of at all.
 */

/** `added`, `resigned` and `removed` are about members, the others about who is there. @typedef {'online' | 'joined' | 'left' | 'added' | 'resigned' | 'removed'} NoticeKind */

/**
 * What happened between the message `after` and the one that follows it; `by` is who has seen to it, by the name of whom it is about.
 * @typedef {{ after: number, ts: number, people: Map<string, NoticeKind | 'back'>, by: Map<string, string> }} Notice
 */

/** The most notices that a room keeps, and the most names that one holds. */
const NOTICES_MAX = 50;
const NAMES_MAX = 100;

export class Notices {
  /** @type {Notice[]} */
  list = [];

  /**
   * @param {NoticeKind} kind
   * @param {string} name
   * @param {number} after the `seq` of the newest message at that moment
   * @param {number} ts
   * @param {string} [by] who has seen to it
   */
  add(kind, name, after, ts, by = '') {
    let notice = this.list.at(-1);
    if (notice === undefined || notice.after !== after) {
      notice = { after, ts, people: new Map(), by: new Map() };
      this.list.push(notice);
      if (this.list.length > NOTICES_MAX) this.list.shift();
    }
    const before = notice.people.get(name);
    if (before === undefined && notice.people.size >= NAMES_MAX) return;
    notice.ts = ts;
    notice.people.set(name, outcome(before, kind));
    notice.by.set(name, by);
  }

  clear() {
    this.list = [];
  }
}

/**
 * @param {NoticeKind | 'back' | undefined} before
 * @param {NoticeKind} now
 * @returns {NoticeKind | 'back'}
 */
function outcome(before, now) {
  if (isEnd(now)) return now;
  if (before === 'back' || isEnd(before)) return 'back';
  return before === 'joined' ? 'joined' : now;
}

/** @param {NoticeKind | undefined} kind */
function isEnd(kind) {
  return kind === 'left' || kind === 'resigned' || kind === 'removed';
}
