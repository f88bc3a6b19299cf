/** Applies changes (edits, deletions, reactions) to the messages that this page holds, by the rules of the protocol. */

/** @import { Self } from '../net/account.js' */
/** @import { Message, Reaction, ReactionFrame } from '../net/frames.js' */

/** The people of a reaction that are named. */
const NAMES_MAX = 20;

/**
 * Is it this person's own, as the server sees it: from whatever device, or, of somebody without a session, from this one?
 * @param {Message} message
 * @param {Self | null} self
 */
export function isOwn({ id, person }, self) {
  return person === undefined ? id !== undefined : person === self?.id;
}

/** @param {Message} message @param {Self | null} self */
export function mayEdit(message, self) {
  return !message.deleted && isOwn(message, self);
}

/** Administrators may delete anybody's. @param {Message} message @param {Self | null} self */
export function mayDelete(message, self) {
  return !message.deleted && (isOwn(message, self) || self?.role === 'admin');
}

/**
 * Puts the changed message in the place of the old one. It makes new objects, because elements compare what they have shown with what they are to show.
 * @param {Message[]} messages ascending
 * @param {Message} message with its `quote`
 * @param {boolean} forAll it was sent to many: what is this person's alone is not in it
 * @returns {Message[]}
 */
export function applyMessage(messages, { quote = '', ...message }, forAll) {
  return messages.map((held) => {
    if (held.reply?.seq === message.seq) held = { ...held, reply: { ...held.reply, data: quote, deleted: message.deleted } };
    if (held.seq !== message.seq || message.change <= held.change) return held;
    if (!forAll) return message;
    const reactions = message.reactions.map((reaction) => ({ ...reaction, mine: held.reactions.some(({ emoji, mine }) => mine && emoji === reaction.emoji) }));
    return { ...message, reactions, ...(held.id === undefined ? {} : { id: held.id }) };
  });
}

/**
 * @param {Message[]} messages
 * @param {ReactionFrame} frame
 * @param {string} name this person's
 * @returns {Message[]}
 */
export function applyReaction(messages, frame, name) {
  return messages.map((held) => {
    if (held.seq !== frame.seq) return held;
    let { reactions, change } = held;
    if (frame.change > change) {
      change = frame.change;
      reactions = counted(reactions, frame);
    }
    if (frame.from === name) reactions = reactions.map((reaction) => (reaction.emoji === frame.emoji ? { ...reaction, mine: frame.on } : reaction));
    return { ...held, reactions, change };
  });
}

/**
 * @param {Reaction[]} reactions
 * @param {ReactionFrame} frame
 */
function counted(reactions, { emoji, from, on, count, names }) {
  const held = reactions.find((reaction) => reaction.emoji === emoji);
  const others = (held?.from ?? []).filter((person) => person !== from);
  const people = names ?? (on && others.length < NAMES_MAX ? [...others, from] : others);
  const now = { emoji, count, from: people, mine: held?.mine ?? false };
  if (count === 0) return reactions.filter((reaction) => reaction !== held);
  return held === undefined ? [...reactions, now] : reactions.map((reaction) => (reaction === held ? now : reaction));
}
