import { type KeyObject, randomUUID, verify } from "node:crypto";
import type { AuditTrail } from "../core/audit.ts";
import type { Clock } from "../core/clock.ts";
import { describeError, StileError } from "../core/errors.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import type { Log } from "../core/telemetry.ts";

/** A record of the trail that a checkpoint speaks for. */
export interface CheckpointHead {
  readonly instance: string;
  /** Since records are numbered from 1 without gaps, also their count. */
  readonly sequence: number;
  /** SHA-256 of the record's bytes, 64 hex digits. */
  readonly hash: string;
}

/** What `stile.checkpoint.v1` says. */
export interface Checkpoint {
  readonly head: CheckpointHead;
  /** Id of the key (RFC 7638). */
  readonly kid: string;
  /** Ed25519 over `checkpointText`, base64url. */
  readonly signature: string;
}

/** @returns the text that is signed. */
export function checkpointText({ instance, sequence, hash }: CheckpointHead): string {
  return `stile-checkpoint\n${instance}\n${sequence}\n${hash}`;
}

/** @returns what a record of type `stile.checkpoint.v1` says, or undefined for another shape. */
export function readCheckpoint(record: JsonObject): Checkpoint | undefined {
  const { instance, head, kid, signature } = record;
  if (!isJsonObject(head) || typeof instance !== "string") return undefined;
  const { sequence, hash } = head;
  if (typeof sequence !== "number" || typeof hash !== "string") return undefined;
  if (typeof kid !== "string" || typeof signature !== "string") return undefined;
  return { head: { instance, sequence, hash }, kid, signature };
}

/** @returns whether the holder of the key signed this head. */
export function isSignedBy(checkpoint: Checkpoint, key: KeyObject): boolean {
  const signature = Buffer.from(checkpoint.signature, "base64url");
  return verify(null, Buffer.from(checkpointText(checkpoint.head)), key, signature);
}

export interface CheckpointParts {
  readonly trail: AuditTrail;
  /** The last record that is in the journal. */
  readonly head: () => CheckpointHead;
  /** Signs by Ed25519. */
  readonly sign: (text: string) => { readonly kid: string; readonly signature: Buffer };
  readonly everyMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Writes signed checkpoints into the trail: every `everyMs` when there are new records, and when
 * it is closed. Records in front of one cannot be cut off or rewritten without the key.
 */
export function startCheckpoints(parts: CheckpointParts): { close(): Promise<void> } {
  /** Number of the last checkpoint: nothing new follows where the head is still that one. */
  let written = parts.head().sequence;

  function write(): Promise<void> {
    const head = parts.head();
    if (head.sequence === 0 || head.sequence === written) return Promise.resolve();
    const { kid, signature } = parts.sign(checkpointText(head));
    const { sequence, hash } = head;
    const members = { head: { sequence, hash }, kid, signature: signature.toString("base64url") };
    const draft = {
      id: randomUUID(),
      type: "stile.checkpoint.v1",
      timeMs: parts.clock.nowMs(),
      subject: "service:stile",
      members: `"event":"signed",${JSON.stringify(members).slice(1, -1)}`,
    } as const;
    return new Promise((resolve) => {
      parts.trail.append(draft, "journal", (outcome) => {
        if (outcome instanceof StileError) {
          parts.log.error("checkpoint_not_recorded", { cause: describeError(outcome) });
        } else {
          written = outcome.sequence;
        }
        resolve();
      });
    });
  }

  const timer = setInterval(() => void write(), parts.everyMs);
  timer.unref();
  return {
    async close() {
      clearInterval(timer);
      await write();
    },
  };
}
