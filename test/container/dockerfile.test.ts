import { existsSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/config.ts";
import { projectDir, projectText, readDockerignore } from "./build-context.ts";
import {
  environmentOf,
  healthCommandOf,
  imageOf,
  lastOf,
  readDockerfile,
} from "./dockerfile-reader.ts";

const stages = readDockerfile(projectText("Dockerfile"));
const isSent = readDockerignore(projectText(".dockerignore"));
const final = imageOf(stages);
const copies = stages.flatMap((stage) =>
  stage.instructions
    .filter(({ name }) => name === "COPY")
    .map(({ flags, words }) => ({
      stage: stage.name,
      from: flags.get("from"),
      sources: words.slice(0, -1),
    })),
);
const contextSources = copies
  .filter(({ from }) => from === undefined)
  .flatMap((one) => one.sources);

describe("the reader of the Dockerfile", () => {
  it("joins lines, drops comments, fills arguments and splits stages", () => {
    const read = readDockerfile(
      'ARG I=x:1\nFROM ${I} AS a\n# no\nRUN one \\\n && two\nFROM a\nCOPY --from=a /x ./y\nCMD ["p q"]\n',
    );
    expect(read.map(({ name, from }) => [name, from])).toEqual([
      ["a", "x:1"],
      ["1", "a"],
    ]);
    expect(read[0]?.instructions[0]?.text).toBe("one  && two");
    expect(read[1]?.instructions[0]?.flags.get("from")).toBe("a");
    expect(read[1]?.instructions[0]?.words).toEqual(["/x", "./y"]);
    expect(read[1]?.instructions[1]?.words).toEqual(["p q"]);
  });
});

describe("the Dockerfile", () => {
  it("builds in stages of their own and keeps their tools out of the image", () => {
    expect(stages.length).toBeGreaterThan(1);
    expect(stages.some(({ name }) => name === final.from)).toBe(false);
    const commands = final.instructions.filter(({ name }) => name === "RUN");
    expect(commands.filter(({ text }) => /\bnpm\b|\bapt/.test(text))).toEqual([]);
  });

  it("begins every stage from one pinned slim image of Node 24", () => {
    expect(new Set(stages.map(({ from }) => from)).size).toBe(1);
    expect(final.from).toMatch(/^node:24\.\d+\.\d+-[a-z]+-slim$/);
  });

  it("installs what the service runs with, and no more", () => {
    const from = copies.find(({ sources }) => sources.includes("/app/node_modules"))?.from;
    const stage = stages.find(({ name }) => name === from);
    const install = stage?.instructions.filter(({ name }) => name === "RUN") ?? [];
    expect(install.map(({ text }) => text)).toEqual(["npm ci --omit=dev --ignore-scripts"]);
  });

  it("runs as a user that is not root, and not by a name that an image may map", () => {
    expect(lastOf(final, "USER")?.text).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  it("gives only the data directory to that user", () => {
    const [uid, gid] = (lastOf(final, "USER")?.text ?? "").split(":");
    const run = lastOf(final, "RUN")?.text ?? "";
    const data = environmentOf(final)["STILE_DATA_DIR"] ?? "";
    expect(run).toContain(`--uid ${uid}`);
    expect(run).toContain(`--owner=${uid} --group=${gid} --mode=0700 ${data}`);
    expect(final.instructions.some(({ flags }) => flags.has("chown"))).toBe(false);
    expect(lastOf(final, "VOLUME")?.words).toEqual([data]);
  });

  it("sets variables that the service knows, to addresses that it exposes", () => {
    const config = readConfig({ env: environmentOf(final) });
    expect(config.dataDir).toBe("/var/lib/stile");
    const ports = [config.grpcAddr, config.httpAddr].map((address) => {
      expect(address).toMatch(/^0\.0\.0\.0:/);
      return address.split(":")[1];
    });
    expect(lastOf(final, "EXPOSE")?.words).toEqual(ports);
  });

  it("asks readiness for its health, on the port that the service takes", () => {
    const [program, flag, script = ""] = healthCommandOf(final);
    expect([program, flag]).toEqual(["node", "-e"]);
    const port = environmentOf(final)["STILE_HTTP_ADDR"]?.split(":")[1];
    expect(script).toContain(`fetch('http://127.0.0.1:${port}/readyz')`);
  });

  it("starts the server without a shell between it and signals", () => {
    expect(lastOf(final, "ENTRYPOINT")?.text).toBe('["node", "dist/cli/main.js"]');
    expect(lastOf(final, "CMD")?.text).toBe('["serve"]');
  });

  it("takes no secret, neither as an argument, nor in the environment, nor as a file", () => {
    const named = stages
      .flatMap(({ instructions }) => instructions)
      .filter(({ name }) => name === "ENV" || name === "ARG")
      .filter(({ text }) => /secret|token|passw|credential|_key\b/i.test(text));
    expect(named).toEqual([]);
    expect(contextSources.filter((source) => source === "." || source.includes(".env"))).toEqual(
      [],
    );
  });

  it("copies only what is there and is sent to the builder", () => {
    expect(contextSources.length).toBeGreaterThan(4);
    const isThere = (source: string): boolean => existsSync(path.join(projectDir, source));
    expect(contextSources.filter((source) => !isThere(source) || !isSent(source))).toEqual([]);
    for (const { from, sources } of copies.filter((one) => one.from !== undefined)) {
      expect(stages.map(({ name }) => name)).toContain(from);
      expect(sources.every((source) => source.startsWith("/app/"))).toBe(true);
    }
  });
});

describe("what goes to the builder", () => {
  it.each([
    [".git", false],
    [".stile/keys/factor.key", false],
    [".env", false],
    ["dist/app.js", false],
    ["node_modules/pino/package.json", false],
    ["policies/sre/data.json", false],
    ["test/container/build-context.ts", false],
    ["src/app.ts", true],
    ["policies/sre.tar.gz", true],
  ])("%s: %s", (file, sent) => {
    expect(isSent(file)).toBe(sent);
  });
});
