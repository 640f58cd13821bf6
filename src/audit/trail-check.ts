import { hash, type KeyObject } from "node:crypto";
import type { SourceRecord } from "../core/audit.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import { ChainLedger, type ChainLink } from "./chain-ledger.ts";
import { type Checkpoint, isSignedBy, readCheckpoint } from "./checkpoint.ts";
import { altered, missing } from "./link-check.ts";
import { NO_RECORD_BEFORE } from "./segment.ts";

/**
 * Something wrong with a trail.
 *
 * - `missing`: no record has these numbers;
 * - `altered`: not the bytes whose hash the record after names; where nothing proves which of two
 *   it was, the range holds both;
 * - `reordered`: a record came after a later one of its lane;
 * - `duplicated`: the same record twice where each should be once;
 * - `conflicting`: two different records have one number;
 * - `foreign`: no record of this trail;
 * - `cut`: a receipt or a checkpoint names a record that is not there;
 * - `forged`: a checkpoint whose signature is not of the key it names;
 * - `damaged`: bytes of the journal that are no record.
 */
export interface TrailFinding {
  readonly kind:
    | "missing"
    | "altered"
    | "reordered"
    | "duplicated"
    | "conflicting"
    | "foreign"
    | "cut"
    | "forged"
    | "damaged";
  /** "" where it is of none. */
  readonly instance: string;
  /** Numbers, both ends included; 0 where a number says nothing. */
  readonly from: number;
  readonly to: number;
  /** Where it was read, such as `journal:17`; "" where it is not there. */
  readonly place: string;
  /** A sentence for people. */
  readonly detail: string;
}

/** What is known of one instance. */
export interface InstanceReport {
  readonly instance: string;
  /** Different records. */
  readonly records: number;
  readonly first: number;
  readonly last: number;
  /** Records up to this number are proven by a receipt or a checked checkpoint; 0 for none. */
  readonly provenTo: number;
  readonly checkpoints: number;
}

export interface TrailReport {
  /** Records read, repeated deliveries included. */
  readonly read: number;
  /** Deliveries of a record that was read before, where the source may repeat. */
  readonly repeats: number;
  readonly instances: readonly InstanceReport[];
  readonly findings: readonly TrailFinding[];
  /** Findings beyond the first 10,000 are counted only. */
  readonly findingsCount: number;
  /** What this source cannot show, each a sentence. */
  readonly unknown: readonly string[];
}

/** What a caller was told of its record. */
export interface KnownReceipt {
  readonly instance: string;
  readonly sequence: number;
  /** 64 hex digits. */
  readonly hash: string;
}

export interface TrailCheckOptions {
  /** Records of another one are foreign; undefined takes any. */
  readonly instance?: string | undefined;
  /** Whether the source may deliver a record more than once, as Kafka does. */
  readonly mayRepeat: boolean;
  readonly receipts: readonly KnownReceipt[];
  /** @returns the key of that id; absent where checkpoints are not to be checked. */
  readonly keyOf?: ((kid: string) => KeyObject | undefined) | undefined;
}

const FINDINGS_MAX = 10_000;
const HASH_HEX = /^[0-9a-f]{64}$/;

interface Chain {
  readonly ledger: ChainLedger;
  /** Highest number seen in each lane. */
  readonly highest: Map<string, number>;
  /** Others under a number that is taken. */
  readonly rivals: Map<number, { readonly link: ChainLink; readonly place: string }[]>;
  readonly checkpoints: { readonly sequence: number; readonly checkpoint: Checkpoint }[];
}

/** Checks the records of any number of instances: numbers, hashes, order, and what was signed. */
export class TrailCheck {
  readonly #options: TrailCheckOptions;
  readonly #chains = new Map<string, Chain>();
  readonly #findings: TrailFinding[] = [];
  #findingsCount = 0;
  #read = 0;
  #repeats = 0;

  constructor(options: TrailCheckOptions) {
    this.#options = options;
  }

  /** Takes the next record of the source. */
  add(record: SourceRecord): void {
    this.#read += 1;
    const place = `${record.lane}:${record.offset}`;
    const value = parsed(record.body);
    const named = value === undefined ? undefined : linkOf(value, record.body);
    if (value === undefined || named === undefined) {
      this.#find("foreign", "", [0, 0], "is no record of a trail", place);
      return;
    }
    const { instance, link } = named;
    if (this.#options.instance !== undefined && instance !== this.#options.instance) {
      this.#find("foreign", instance, [link.sequence, link.sequence], "of another instance", place);
      return;
    }
    const chain = this.#chainOf(instance);
    if (this.#isNew(instance, chain, link, record.lane, place)) {
      const checkpoint =
        value["type"] === "stile.checkpoint.v1" ? readCheckpoint(value) : undefined;
      if (checkpoint !== undefined) {
        chain.checkpoints.push({ sequence: link.sequence, checkpoint });
      }
    }
  }

  /** A place of the journal holds no record. */
  addDamage(place: string): void {
    this.#find("damaged", "", [0, 0], "bytes that are no record", place);
  }

  /** @returns what was found in all that was added. Call it once. */
  report(): TrailReport {
    const unknown: string[] = [];
    const instances: InstanceReport[] = [];
    for (const receipt of this.#options.receipts) {
      if (!this.#chains.has(receipt.instance)) this.#checkNamed(undefined, receipt, "the receipt");
    }
    for (const [instance, chain] of this.#chains) {
      instances.push(this.#finish(instance, chain, unknown));
    }
    if (this.#read === 0) unknown.push("There is no record, so nothing is proven.");
    return {
      read: this.#read,
      repeats: this.#repeats,
      instances,
      findings: this.#findings,
      findingsCount: this.#findingsCount,
      unknown,
    };
  }

  #isNew(instance: string, chain: Chain, link: ChainLink, lane: string, place: string): boolean {
    const { sequence } = link;
    const before = chain.ledger.at(sequence);
    if (before?.hash.equals(link.hash) === true) {
      if (this.#options.mayRepeat) this.#repeats += 1;
      else this.#find("duplicated", instance, [sequence, sequence], "is there twice", place);
      return false;
    }
    const highest = chain.highest.get(lane) ?? 0;
    if (before !== undefined) {
      const rivals = chain.rivals.get(sequence) ?? [];
      chain.rivals.set(sequence, [...rivals, { link, place }]);
      const detail = "another record has the same number";
      this.#find("conflicting", instance, [sequence, sequence], detail, place);
      return false;
    }
    if (sequence < highest) {
      this.#find("reordered", instance, [sequence, sequence], `comes after ${highest}`, place);
    }
    chain.highest.set(lane, Math.max(highest, sequence));
    chain.ledger.set(link);
    return true;
  }

  #chainOf(instance: string): Chain {
    let chain = this.#chains.get(instance);
    if (chain === undefined) {
      const ledger = new ChainLedger();
      chain = { ledger, highest: new Map(), rivals: new Map(), checkpoints: [] };
      this.#chains.set(instance, chain);
    }
    return chain;
  }

  #finish(instance: string, chain: Chain, unknown: string[]): InstanceReport {
    const { ledger } = chain;
    chooseRivals(chain);
    for (const found of missing(ledger)) {
      this.#find("missing", instance, found.range, "no record has these numbers");
    }
    for (const found of altered(ledger)) {
      this.#find("altered", instance, found.range, found.detail);
    }
    const numbers = [...endsOf(ledger)];
    const first = numbers[0] ?? 0;
    const last = numbers[1] ?? 0;
    const opening = ledger.at(1);
    if (opening !== undefined && opening.prev.toString("hex") !== NO_RECORD_BEFORE) {
      const isKnown = this.#findings.some(
        (one) => one.kind === "altered" && one.instance === instance && one.from <= 1,
      );
      if (!isKnown) this.#find("altered", instance, [1, 1], "the first record follows another");
    }
    const provenTo = this.#checkWitnesses(instance, chain, unknown);
    if (first > 1) {
      unknown.push(
        `${instance} begins at ${first}: whether the records before were given up or cut off is not to be seen here.`,
      );
    }
    if (provenTo < last) {
      unknown.push(
        `${instance}: nothing follows record ${last}, so a change of it, or records cut off behind it, would show only against a receipt or a checkpoint (proven up to ${provenTo}).`,
      );
    }
    const { count } = ledger;
    const checkpoints = chain.checkpoints.length;
    return { instance, records: count, first, last, provenTo, checkpoints };
  }

  /** @returns up to where receipts and signed checkpoints prove the chain. */
  #checkWitnesses(instance: string, chain: Chain, unknown: string[]): number {
    let provenTo = 0;
    for (const receipt of this.#options.receipts) {
      if (receipt.instance !== instance) continue;
      if (this.#checkNamed(chain, receipt, "the receipt")) {
        provenTo = Math.max(provenTo, receipt.sequence);
      }
    }
    const { keyOf } = this.#options;
    if (keyOf === undefined && chain.checkpoints.length > 0) {
      unknown.push(
        `${instance}: ${chain.checkpoints.length} checkpoints were not checked, since no keys were given (--keys).`,
      );
    }
    if (keyOf === undefined) return provenTo;
    for (const { sequence, checkpoint } of chain.checkpoints) {
      const key = keyOf(checkpoint.kid);
      if (key === undefined) {
        unknown.push(
          `${instance}: checkpoint ${sequence} is signed by a key that was not given (${checkpoint.kid}).`,
        );
      } else if (!isSignedBy(checkpoint, key)) {
        const detail = "the checkpoint's signature is not of its key";
        this.#find("forged", instance, [sequence, sequence], detail);
      } else if (this.#checkNamed(chain, checkpoint.head, `checkpoint ${sequence}`)) {
        // Its own bytes are signed but for its number, so it stands for what it names.
        provenTo = Math.max(provenTo, checkpoint.head.sequence);
      }
    }
    return provenTo;
  }

  /** @returns whether the record that is named is there, as it was. */
  #checkNamed(chain: Chain | undefined, named: KnownReceipt, by: string): boolean {
    const { instance, sequence } = named;
    const there = chain?.ledger.at(sequence);
    if (there === undefined) {
      const first = chain === undefined ? 0 : ([...endsOf(chain.ledger)][0] ?? 0);
      // Older records are given up in time, and that alone is no fault.
      if (by !== "the receipt" && sequence < first) return false;
      this.#find("cut", instance, [sequence, sequence], `${by} names it, and it is not there`);
      return false;
    }
    if (there.hash.toString("hex") === named.hash) return true;
    this.#find("altered", instance, [sequence, sequence], `${by} names another hash`);
    return false;
  }

  #find(
    kind: TrailFinding["kind"],
    instance: string,
    range: readonly [number, number],
    detail: string,
    place = "",
  ): void {
    this.#findingsCount += 1;
    if (this.#findings.length >= FINDINGS_MAX) return;
    const [from, to] = range;
    this.#findings.push({ kind, instance, from, to, place, detail });
  }
}

/** Of several records with one number, the one whose hash the next record names is kept. */
function chooseRivals(chain: Chain): void {
  for (const [sequence, rivals] of chain.rivals) {
    const next = chain.ledger.at(sequence + 1);
    const kept = chain.ledger.at(sequence);
    if (next === undefined || kept?.hash.equals(next.prev) === true) continue;
    const right = rivals.find(({ link }) => link.hash.equals(next.prev));
    if (right !== undefined) chain.ledger.set(right.link);
  }
}

/** First and last number. */
function* endsOf(ledger: ChainLedger): Generator<number, void, void> {
  let last: number | undefined;
  for (const { sequence } of ledger.inOrder()) {
    if (last === undefined) yield sequence;
    last = sequence;
  }
  if (last !== undefined) yield last;
}

function parsed(body: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function linkOf(
  record: JsonObject,
  body: Buffer,
): { readonly instance: string; readonly link: ChainLink } | undefined {
  const { id, type, time, subject, instance, sequence, prev, omitted } = record;
  const texts = [id, type, time, subject];
  if (!texts.every((text) => typeof text === "string")) return undefined;
  if (typeof instance !== "string" || typeof sequence !== "number") return undefined;
  if (!Number.isSafeInteger(sequence) || sequence < 1) return undefined;
  if (typeof prev !== "string" || !HASH_HEX.test(prev)) return undefined;
  // A record too large for the topic stands there as a stub that names the hash of the whole.
  const whole = isJsonObject(omitted) ? omitted["sha256"] : undefined;
  const digest = typeof whole === "string" && HASH_HEX.test(whole) ? whole : undefined;
  const link = {
    sequence,
    hash: digest === undefined ? hash("sha256", body, "buffer") : Buffer.from(digest, "hex"),
    prev: Buffer.from(prev, "hex"),
  };
  return { instance, link };
}
