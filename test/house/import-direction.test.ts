import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, it } from "vitest";

const SRC = join(import.meta.dirname, "../../src");

/** What a room may import beside `core/` and itself. */
const DOORS = new Map<string, readonly string[]>([
  ["grpc", ["wire"]],
  ["http", ["wire"]],
  ["kafka", ["wire"]],
  ["client", ["wire"]],
]);

/** Packages with one home. */
const HOMES = new Map<string, readonly string[]>([
  ["@grpc/grpc-js", ["grpc", "client"]],
  ["@bufbuild/protobuf", ["wire"]],
  ["@open-policy-agent/opa-wasm", ["policy"]],
  ["otplib", ["stepup"]],
  ["jose", ["stepup"]],
  ["kafkajs", ["kafka"]],
  ["lmdb", ["store"]],
  ["pino", ["telemetry"]],
  ["prom-client", ["telemetry"]],
  ["hono", ["http"]],
  ["@hono/node-server", ["http"]],
  ["commander", ["cli"]],
  ["uqr", ["cli"]],
  ["zod", ["config", "policy", "kafka"]],
]);

interface Import {
  readonly file: string;
  readonly room: string;
  readonly specifier: string;
  /** Path below `src/` when the import is relative. */
  readonly target: string | undefined;
}

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".ts"),
);
const imports = files.flatMap(importsOf);

describe("the house", () => {
  it("reads every module", () => {
    expect(files.length).toBeGreaterThan(60);
    expect(imports.length).toBeGreaterThan(files.length);
  });

  it("lets a room import core and itself, and doors the wire", () => {
    expect(imports.filter(crossesRooms).map(show)).toEqual([]);
  });

  it("keeps core free of rooms and packages", () => {
    const strays = imports.filter(
      ({ room, target, specifier }) =>
        room === "core" && !(target?.startsWith("core/") ?? specifier.startsWith("node:")),
    );
    expect(strays.map(show)).toEqual([]);
  });

  it("lets only the wire read generated code", () => {
    const strays = imports.filter(
      ({ room, target }) => target?.startsWith("wire/gen/") === true && room !== "wire",
    );
    expect(strays.map(show)).toEqual([]);
  });

  it("gives each package one home", () => {
    const strays = imports.filter(({ room, file, specifier }) => {
      const name = packageOf(specifier);
      const homes = HOMES.get(name);
      return homes !== undefined && !homes.includes(room) && !file.startsWith("wire/gen/");
    });
    expect(strays.map(show)).toEqual([]);
  });
});

function importsOf(file: string): Import[] {
  const text = readFileSync(join(SRC, file), "utf8");
  const room = file.includes("/") ? (file.split("/")[0] ?? "") : "";
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s(?:[^"';]*?\sfrom\s)?"([^"]+)"|\bimport\("([^"]+)"\)/g;
  return [...text.matchAll(pattern)].map((match) => {
    const specifier = match[1] ?? match[2] ?? "";
    const target = specifier.startsWith(".")
      ? relative(SRC, join(SRC, dirname(file), specifier))
      : undefined;
    return { file, room, specifier, target };
  });
}

/** Only `app.ts` and `cli/` import rooms. */
function crossesRooms({ room, target }: Import): boolean {
  if (target === undefined || room === "" || room === "cli") return false;
  const targetRoom = target.split("/")[0] ?? "";
  if (targetRoom === room || targetRoom === "core") return false;
  return !(DOORS.get(room)?.includes(targetRoom) ?? false);
}

function packageOf(specifier: string): string {
  if (specifier.startsWith(".") || specifier.startsWith("node:")) return "";
  const parts = specifier.split("/");
  return specifier.startsWith("@") ? parts.slice(0, 2).join("/") : (parts[0] ?? "");
}

function show({ file, specifier }: Import): string {
  return `${file} imports ${specifier}`;
}
