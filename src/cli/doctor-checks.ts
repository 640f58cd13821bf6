import {
  accessSync,
  constants,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  statfsSync,
  statSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { bundleSourceOf } from "../app.ts";
import { StileClient } from "../client/stile-client.ts";
import type { Config } from "../config/config.ts";
import { describeError } from "../core/errors.ts";
import { silentLog } from "../core/telemetry.ts";
import { readBundle } from "../policy/bundle-reader.ts";
import { openPolicy } from "../policy/open-policy.ts";
import { Health, ServingStatus } from "../wire/messages.ts";

/** What one check found, with what to do about it. */
export interface Finding {
  readonly name: string;
  readonly level: "ok" | "warn" | "fail";
  readonly detail: string;
  /** "" when nothing is to be done. */
  readonly remedy: string;
}

type Found = Omit<Finding, "name">;

/** Runs every check; one that fails does not stop the next. */
export async function findingsOf(config: Config): Promise<readonly Finding[]> {
  const checks: readonly (readonly [string, () => Found | Promise<Found>])[] = [
    ["data directory", () => checkDataDir(config)],
    ["disk space", () => checkSpace(config)],
    ["bundle", () => checkBundle(config)],
    ["keys", () => checkKeys(config)],
    ["clock", () => checkClock(config)],
    ["kafka", () => checkKafka(config)],
    ["server", () => checkServer(config)],
  ];
  const findings: Finding[] = [];
  for (const [name, check] of checks) findings.push({ name, ...(await check()) });
  return findings;
}

function ok(detail: string): Found {
  return { level: "ok", detail, remedy: "" };
}

function checkDataDir({ dataDir }: Config): Found {
  const remedy = "make the folder writable for this user, or set STILE_DATA_DIR to one that is";
  try {
    const folder = isThere(dataDir) ? dataDir : nearestFolder(dataDir);
    rmdirSync(mkdtempSync(join(folder, ".doctor-")));
    const where = resolve(dataDir);
    return ok(
      isThere(dataDir) ? `${where} is writable` : `${where} will be made at the first start`,
    );
  } catch (thrown) {
    return { level: "fail", detail: describeError(thrown), remedy };
  }
}

function checkSpace({ dataDir, auditBytesMax }: Config): Found {
  const { bavail, bsize } = statfsSync(nearestFolder(dataDir));
  const freeBytes = bavail * bsize;
  const detail = `${megabytes(freeBytes)} free, the journal may take ${megabytes(auditBytesMax)}`;
  if (freeBytes >= auditBytesMax) return ok(detail);
  const remedy =
    "free space, or set STILE_AUDIT_MAX_BYTES lower: on a full disk every answer is a denial";
  return { level: "warn", detail, remedy };
}

async function checkBundle({ bundles }: Config): Promise<Found> {
  const opened: string[] = [];
  for (const bundle of bundles) {
    const { name, source, signature: check, limits } = bundleSourceOf(bundle);
    try {
      const signed = check === undefined ? undefined : { check, nowMs: Date.now() };
      const { revision, digest, ...rest } = await readBundle(source, signed);
      await openPolicy({ revision, digest, ...rest }, name, limits);
      opened.push(`${source}, revision "${revision}", ${digest.slice(0, 19)}…`);
    } catch (thrown) {
      const remedy =
        "build it again with `stile build <folder> -o <file>`, and set STILE_BUNDLE to it";
      return { level: "fail", detail: `${source}: ${describeError(thrown)}`, remedy };
    }
  }
  return ok(opened.join("; "));
}

function checkKeys({ dataDir }: Config): Found {
  const folder = join(dataDir, "keys");
  if (!isThere(folder)) return ok("will be made at the first start");
  const open = ["", ...readdirSync(folder)].filter(
    (name) => (statSync(join(folder, name)).mode & 0o077) !== 0,
  );
  if (open.length === 0) return ok(`${folder} can be read by this user alone`);
  const remedy = `chmod -R go= ${folder}, and replace the keys if others may have read them`;
  return { level: "fail", detail: `${folder}/${open[0] ?? ""} can be read by others`, remedy };
}

/** A code is good for 30 s, so a wrong clock refuses every one. */
function checkClock({ dataDir }: Config): Found {
  const newestMs = isThere(dataDir) ? newestChangeMs(dataDir) : 0;
  const aheadMs = newestMs - Date.now();
  const remedy = "set the clock, and keep it by NTP: codes and grants depend on it";
  if (aheadMs > 5_000) {
    const detail = `it stands ${Math.round(aheadMs / 1000)} s before the last change of the data directory`;
    return { level: "fail", detail, remedy };
  }
  return ok(`${new Date().toISOString()}; compare it with a clock you trust`);
}

async function checkKafka({ kafkaBrokers }: Config): Promise<Found> {
  if (kafkaBrokers.length === 0) return ok("not configured; the audit trail stays in the journal");
  const brokers = kafkaBrokers.join(", ");
  try {
    const { missingTopics } = await import("../kafka/probe.ts");
    const missing = await missingTopics(kafkaBrokers, silentLog);
    if (missing.length === 0) return ok(`${brokers} answer, the topics are there`);
    const remedy = "they are made at the next start if the brokers allow it; else create them";
    return { level: "warn", detail: `${brokers} answer, without ${missing.join(", ")}`, remedy };
  } catch (thrown) {
    const remedy =
      "check STILE_KAFKA_BROKERS and that a broker listens there; until then records wait in the journal";
    return { level: "fail", detail: `${brokers}: ${describeError(thrown)}`, remedy };
  }
}

async function checkServer({ grpcAddr }: Config): Promise<Found> {
  const client = new StileClient(grpcAddr);
  try {
    const { status } = await client.connection.unary(Health, "check", {}, { deadlineMs: 1_000 });
    if (status === ServingStatus.SERVING) return ok(`one answers on ${grpcAddr}`);
    const remedy = "ask /readyz on the HTTP address what it waits for";
    return { level: "warn", detail: `the one on ${grpcAddr} is not ready`, remedy };
  } catch {
    return {
      level: "warn",
      detail: `none answers on ${grpcAddr}`,
      remedy: "start one with `npm start`",
    };
  } finally {
    client.close();
  }
}

function isThere(path: string): boolean {
  try {
    accessSync(path, constants.F_OK);
    return true;
  } catch {
    return false;
  }
}

function nearestFolder(path: string): string {
  const whole = resolve(path);
  return isThere(whole) ? whole : nearestFolder(dirname(whole));
}

function newestChangeMs(folder: string): number {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return Math.max(0, ...names.map((name) => statSync(join(folder, name)).mtimeMs));
}

function megabytes(bytes: number): string {
  return `${Math.floor(bytes / 1024 / 1024)} MiB`;
}
