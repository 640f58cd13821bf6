import type { ChainLedger } from "./chain-ledger.ts";

/** Numbers, both ends included. */
export interface LinkFinding {
  readonly range: readonly [number, number];
  readonly detail: string;
}

/** @returns the numbers between the first and the last that no record has. */
export function* missing(ledger: ChainLedger): Generator<LinkFinding, void, void> {
  let before: number | undefined;
  for (const { sequence } of ledger.inOrder()) {
    if (before !== undefined && sequence > before + 1) {
      yield { range: [before + 1, sequence - 1], detail: "" };
    }
    before = sequence;
  }
}

/**
 * Finds records that are not what the record after names.
 *
 * A changed record breaks the link behind it, and the one in front of it too where its `prev` was
 * changed. So of several broken links in a row, the record in front of the last one was surely
 * changed, the record in front of the first one perhaps not. Where nothing intact follows the
 * last broken link, either of its two records may be the changed one.
 */
export function* altered(ledger: ChainLedger): Generator<LinkFinding, void, void> {
  let run: { from: number; to: number } | undefined;
  let before: { readonly sequence: number; readonly hash: Buffer } | undefined;
  for (const { sequence, hash, prev } of ledger.inOrder()) {
    if (before !== undefined) {
      const isNext = before.sequence === sequence - 1;
      const isBroken = isNext && !before.hash.equals(prev);
      if (isBroken) run = { from: run?.from ?? before.sequence, to: before.sequence };
      else if (run !== undefined) {
        // The link between this record and the one before is whole, or there is none to judge by.
        yield isNext ? provenRun(run) : openRun(run);
        run = undefined;
      }
    }
    before = { sequence, hash };
  }
  if (run !== undefined) yield openRun(run);
}

function provenRun({ from, to }: { readonly from: number; readonly to: number }): LinkFinding {
  const range: readonly [number, number] = from === to ? [to, to] : [from + 1, to];
  return { range, detail: "the record after names another hash" };
}

function openRun({ from, to }: { readonly from: number; readonly to: number }): LinkFinding {
  const range: readonly [number, number] = [from === to ? from : from + 1, to + 1];
  return { range, detail: "one of them was changed, and nothing whole follows that tells which" };
}
