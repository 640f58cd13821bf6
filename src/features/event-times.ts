/**
 * The event times of one sliding window: an array of pairs (ms since the Unix epoch, hash of the
 * signal's name), ascending. The hash tells apart signals of one millisecond, so that a signal
 * delivered twice counts once however late the second comes. A plain array of doubles: half the
 * size of typed arrays at the few entries that most entities have.
 */
export type EventTimes = number[];

/** What an addition did; `lost` is the time of an entry that had to make room. */
export interface EventAdded {
  readonly added: boolean;
  /** ms since the Unix epoch; undefined when none had to go. */
  readonly lost: number | undefined;
}

const DUPLICATE: EventAdded = { added: false, lost: undefined };
const ADDED: EventAdded = { added: true, lost: undefined };

/** Adds an event; beyond `most` entries the oldest goes, whatever order they came in. */
export function addEvent(
  times: EventTimes,
  event: { readonly timeMs: number; readonly hash: number },
  most: number,
): EventAdded {
  const { timeMs, hash } = event;
  const at = positionOf(times, timeMs, hash);
  if (times[at] === timeMs && times[at + 1] === hash) return DUPLICATE;
  if (at === times.length) times.push(timeMs, hash);
  else times.splice(at, 0, timeMs, hash);
  if (times.length <= most * 2) return ADDED;
  const [lost] = times.splice(0, 2);
  return { added: true, lost };
}

/** @returns how many events are later than `afterMs`. */
export function countAfter(times: EventTimes, afterMs: number): number {
  // Most windows are all in or all out.
  if ((times[0] ?? 0) > afterMs) return times.length / 2;
  if ((times.at(-2) ?? 0) <= afterMs) return 0;
  return (times.length - positionOf(times, afterMs, Number.POSITIVE_INFINITY)) / 2;
}

/** Drops events not later than `untilMs` once they are half of all, so each costs little. */
export function forgetEvents(times: EventTimes, untilMs: number): void {
  const first = times[0];
  if (first === undefined || first > untilMs) return;
  const end = positionOf(times, untilMs, Number.POSITIVE_INFINITY);
  if (end * 2 >= times.length) times.splice(0, end);
}

/** @returns the index of the first pair not before (timeMs, hash). */
function positionOf(times: EventTimes, timeMs: number, hash: number): number {
  let low = 0;
  let high = times.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const middleMs = times[middle * 2] ?? 0;
    if (middleMs < timeMs || (middleMs === timeMs && (times[middle * 2 + 1] ?? 0) < hash)) {
      low = middle + 1;
    } else high = middle;
  }
  return low * 2;
}
