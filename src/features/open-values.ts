/** How late an opening may come after its closing and still be known as closed. */
const CLOSED_KEPT_MS = 24 * 3_600_000;

/** Closed values remembered beside the open ones. */
const CLOSED_ROOM = 512;

/** What a change did: `late` was left out, `crowded` made another value go. */
export type OpenChange = "taken" | "late" | "crowded";

/** A signal that opens or closes a value. */
export interface OpenEvent {
  readonly value: string;
  /** ms since the Unix epoch, above 0. */
  readonly timeMs: number;
  readonly opens: boolean;
  readonly nowMs: number;
}

/**
 * Values opened by some signals and closed by others. The latest event of a value decides; of
 * one time, the closing, as that is the order in which the two happen. Closed values are
 * remembered for a day, so that an opening that comes after its closing does not reopen it; an
 * unknown value is not opened at a time before a closing already forgotten.
 */
export class OpenValues {
  /** ms since the Unix epoch, negative when closed then. */
  readonly #latest = new Map<string, number>();
  #firstClosedMs = Number.POSITIVE_INFINITY;
  #forgottenMs = 0;
  #charCount = 0;
  #text = "";

  /** UTF-16 units of all values. */
  get charCount(): number {
    return this.#charCount;
  }

  get count(): number {
    return this.#latest.size;
  }

  /** @returns JSON text of the open values, at most `most`, latest opened last. */
  text(most: number): string {
    if (this.#text === "") {
      const open = [...this.#latest].filter(([, timeMs]) => timeMs > 0);
      open.sort(([a, aMs], [b, bMs]) => aMs - bMs || (a < b ? -1 : 1));
      this.#text = JSON.stringify(open.slice(-most).map(([value]) => value));
    }
    return this.#text;
  }

  /** Makes the next text anew, for another `most`. */
  touch(): void {
    this.#text = "";
  }

  note({ value, timeMs, opens, nowMs }: OpenEvent, most: number): OpenChange {
    const known = this.#latest.get(value);
    if (known === undefined) {
      if (opens && timeMs <= this.#forgottenMs) return "late";
      this.#charCount += value.length;
    } else {
      const knownMs = Math.abs(known);
      if (timeMs < knownMs || (timeMs === knownMs && (opens || known < 0))) return "taken";
    }
    this.#latest.set(value, opens ? timeMs : -timeMs);
    this.#text = "";
    if (!opens) this.#firstClosedMs = Math.min(this.#firstClosedMs, timeMs);
    this.#forgetClosed(nowMs - CLOSED_KEPT_MS);
    if (this.#latest.size <= most + CLOSED_ROOM) return "taken";
    this.#forgetOne();
    return "crowded";
  }

  #forgetClosed(untilMs: number): void {
    if (this.#firstClosedMs >= untilMs) return;
    this.#firstClosedMs = Number.POSITIVE_INFINITY;
    for (const [value, timeMs] of this.#latest) {
      if (timeMs > 0) continue;
      if (-timeMs < untilMs) this.#forget(value, -timeMs);
      else this.#firstClosedMs = Math.min(this.#firstClosedMs, -timeMs);
    }
  }

  /** Forgets the value closed first, or if none is closed, the one opened first. */
  #forgetOne(): void {
    let oldest: readonly [string, number] | undefined;
    for (const entry of this.#latest) {
      if (oldest === undefined || goesBefore(entry, oldest)) oldest = entry;
    }
    if (oldest !== undefined) this.#forget(oldest[0], Math.abs(oldest[1]));
  }

  #forget(value: string, timeMs: number): void {
    this.#latest.delete(value);
    this.#charCount -= value.length;
    this.#forgottenMs = Math.max(this.#forgottenMs, timeMs);
  }
}

function goesBefore(a: readonly [string, number], b: readonly [string, number]): boolean {
  const aClosed = a[1] < 0;
  if (aClosed !== b[1] < 0) return aClosed;
  const byMs = Math.abs(a[1]) - Math.abs(b[1]);
  return byMs < 0 || (byMs === 0 && a[0] < b[0]);
}
