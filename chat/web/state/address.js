/** The room in the page's address: `#tea-time-茶`; or the invitation by which one comes: `#invitation=…`. */

/** The key of a private room, or of a direct conversation; those of public rooms have no capitals. @param {string} key */
export function isHidden(key) {
  return /^(?:P[0-9a-f]{16}|D\d+(?:-\d+)+)$/.test(key);
}

const INVITATION = '#invitation=';

/**
 * It is in the fragment, which no server is told.
 * @param {string} hash as `location.hash` has it
 * @returns {string | null} as it stands there: the server knows whether it is one
 */
export function invitationFromHash(hash) {
  return hash.startsWith(INVITATION) ? hash.slice(INVITATION.length) : null;
}

/** The link by which somebody comes in. @param {string} token @param {string} page the page's own address */
export function invitationLink(token, page) {
  const address = new URL(page);
  address.search = '';
  address.hash = INVITATION + token;
  return address.href;
}

/**
 * @param {string} hash as `location.hash` has it
 * @returns {string | null} a room's key
 */
export function roomFromHash(hash) {
  if (invitationFromHash(hash) !== null) return null;
  const encoded = hash.replace(/^#/, '');
  let title = encoded;
  try {
    title = decodeURIComponent(encoded);
  } catch {
    // Not written by this page; taken as it is.
  }
  if (isHidden(title)) return title;
  // As the server makes a key of a title, so that a title in a link leads to its room, too.
  return title.trim().normalize('NFKC').toLowerCase().replace(/\s+/gu, '-') || null;
}

/**
 * @param {string} key
 * @returns {string} readable where it can be: letters of any script stay as they are
 */
export function hashOf(key) {
  return '#' + key.replace(/[\s%#"<>\\^\x60{|}\p{C}]/gu, (character) => encodeURIComponent(character.isWellFormed() ? character : '\ufffd'));
}
