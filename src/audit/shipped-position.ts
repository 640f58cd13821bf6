import { readFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import path from "node:path";
import { describeError } from "../core/errors.ts";
import { isJsonObject } from "../core/json.ts";
import type { Log } from "../core/telemetry.ts";

const NAME = "shipped.json";
const SAVE_EVERY_MS = 250;

/**
 * The sequence up to which the brokers have the trail, kept beside the journal. The file may lag
 * a quarter of a second behind; after a crash those records are published again, and consumers
 * drop them by id.
 */
export class ShippedPosition {
  readonly #file: string;
  readonly #instance: string;
  readonly #log: Log;
  #sequence: number;
  #savedSequence: number;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();

  /** @param lastSequence of the journal; a position beyond it belongs to records that are lost. */
  constructor(options: {
    readonly folder: string;
    readonly instance: string;
    readonly lastSequence: number;
    readonly log: Log;
  }) {
    this.#file = path.join(options.folder, NAME);
    this.#instance = options.instance;
    this.#log = options.log;
    this.#sequence = Math.min(readPosition(this.#file, options.instance), options.lastSequence);
    this.#savedSequence = this.#sequence;
  }

  /** 0 where nothing was published. */
  get sequence(): number {
    return this.#sequence;
  }

  advance(sequence: number): void {
    this.#sequence = sequence;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.save();
    }, SAVE_EVERY_MS);
  }

  /** Writes the position now. A failure is logged: publishing again is harmless. */
  save(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#saving = this.#saving.then(() => this.#write());
    return this.#saving;
  }

  async #write(): Promise<void> {
    const sequence = this.#sequence;
    if (sequence === this.#savedSequence) return;
    try {
      const file = await open(`${this.#file}.new`, "w", 0o600);
      try {
        await file.writeFile(`${JSON.stringify({ instance: this.#instance, sequence })}\n`);
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(`${this.#file}.new`, this.#file);
      this.#savedSequence = sequence;
    } catch (thrown) {
      this.#log.warn("audit_position_not_saved", { error: describeError(thrown) });
    }
  }
}

/** @returns 0 where there is none for this instance: everything is then published. */
function readPosition(file: string, instance: string): number {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (!isJsonObject(value) || value["instance"] !== instance) return 0;
    const sequence = value["sequence"];
    return typeof sequence === "number" && Number.isSafeInteger(sequence) && sequence > 0
      ? sequence
      : 0;
  } catch {
    return 0;
  }
}
