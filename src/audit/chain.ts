import { hash } from "node:crypto";
import type { AuditEntry } from "../core/audit.ts";
import { isJsonObject } from "../core/json.ts";
import { NO_RECORD_BEFORE } from "./segment.ts";

/** Something wrong with the records of one instance, by range of sequences, both ends included. */
export interface ChainFinding {
  /**
   * - `missing`: no record has these numbers;
   * - `altered`: the hash by which the record after is chained is not that of the record before,
   *   or two records have one number;
   * - `reordered`: records came after later ones;
   * - `malformed`: the body is no record of this trail; the numbers are those of the entry.
   */
  readonly kind: "missing" | "altered" | "reordered" | "malformed";
  readonly instance: string;
  readonly from: number;
  readonly to: number;
}

export interface ChainReport {
  /** Records looked at, without repeated deliveries. */
  readonly records: number;
  /** By instance: where its records begin and end. */
  readonly instances: ReadonlyMap<string, { readonly first: number; readonly last: number }>;
  readonly findings: readonly ChainFinding[];
}

interface Link {
  readonly sequence: number;
  readonly hash: string;
  readonly prev: string;
}

/**
 * Checks numbering and chain of records, as they were read from a journal or the topic. The same
 * record twice is no finding: delivery is at least once.
 *
 * @param entries of any number of instances; each instance's in the order they were received.
 */
export function verifyChain(entries: Iterable<Pick<AuditEntry, "sequence" | "body">>): ChainReport {
  const links = new Map<string, Link[]>();
  const findings: ChainFinding[] = [];
  for (const { sequence, body } of entries) {
    const read = readLink(body);
    if (read === undefined) {
      findings.push({ kind: "malformed", instance: "", from: sequence, to: sequence });
      continue;
    }
    const ofInstance = links.get(read.instance);
    if (ofInstance === undefined) links.set(read.instance, [read.link]);
    else ofInstance.push(read.link);
  }

  const instances = new Map<string, { first: number; last: number }>();
  let records = 0;
  for (const [instance, received] of links) {
    const kept = checkOne(instance, received, findings);
    records += kept.length;
    instances.set(instance, {
      first: kept[0]?.sequence ?? 0,
      last: kept.at(-1)?.sequence ?? 0,
    });
  }
  return { records, instances, findings };
}

/** @returns the links in order of their numbers, each number once. */
function checkOne(instance: string, received: readonly Link[], findings: ChainFinding[]): Link[] {
  const find = (kind: ChainFinding["kind"], from: number, to: number): void => {
    findings.push({ kind, instance, from, to });
  };
  const known = new Map<number, Link>();
  let highest = 0;
  for (const link of received) {
    const same = known.get(link.sequence);
    if (same !== undefined) {
      if (same.hash !== link.hash) find("altered", link.sequence, link.sequence);
      continue;
    }
    if (link.sequence < highest) find("reordered", link.sequence, link.sequence);
    highest = Math.max(highest, link.sequence);
    known.set(link.sequence, link);
  }

  const kept = [...known.values()].toSorted((a, b) => a.sequence - b.sequence);
  let before: Link | undefined;
  for (const link of kept) {
    if (before !== undefined && link.sequence > before.sequence + 1) {
      find("missing", before.sequence + 1, link.sequence - 1);
    } else if (before !== undefined && link.prev !== before.hash) {
      find("altered", before.sequence, link.sequence);
    }
    before = link;
  }
  const first = kept[0];
  if (first?.sequence === 1 && first.prev !== NO_RECORD_BEFORE) find("altered", 1, 1);
  return kept;
}

function readLink(body: Buffer): { readonly instance: string; readonly link: Link } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const { instance, sequence, prev, omitted } = value;
  if (typeof instance !== "string" || typeof sequence !== "number" || typeof prev !== "string") {
    return undefined;
  }
  // A record too large for the topic stands there as a stub that names the hash of the whole.
  const whole = isJsonObject(omitted) ? omitted["sha256"] : undefined;
  const digest = typeof whole === "string" ? whole : hash("sha256", body, "hex");
  return { instance, link: { sequence, hash: digest, prev } };
}
