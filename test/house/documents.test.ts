import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { isJsonObject } from "../../src/core/json.ts";

const root = path.join(import.meta.dirname, "../..");
const decisions = path.join(root, "docs/decisions");

/** Every page for people, by its path in the project. */
const pages = ["", "docs", "docs/decisions", "policies/sre"].flatMap((folder) =>
  readdirSync(path.join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => path.join(folder, name)),
);

describe("the pages", () => {
  it("are all read here", () => {
    expect(pages.length).toBeGreaterThan(15);
    expect(pages).toContain("README.md");
  });

  it("link only to files that are there", () => {
    const links = pages.flatMap((page) =>
      [...textOf(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, link = ""]) => ({
        page,
        link,
      })),
    );
    expect(links.length).toBeGreaterThan(20);
    const broken = links.filter(
      ({ page, link }) => !existsSync(path.resolve(root, path.dirname(page), link)),
    );
    expect(broken).toEqual([]);
  });

  it("of decisions stand in their index", () => {
    const index = textOf("docs/decisions/README.md");
    const missing = readdirSync(decisions).filter(
      (name) => name !== "README.md" && !index.includes(`(${name})`),
    );
    expect(missing).toEqual([]);
  });

  it("tell of every package that the service runs with, in the version installed", () => {
    const manifest: unknown = JSON.parse(textOf("package.json"));
    const dependencies = isJsonObject(manifest) ? manifest["dependencies"] : undefined;
    const packages = Object.entries(isJsonObject(dependencies) ? dependencies : {}).map(
      ([name, version]) => `\`${name}\` ${typeof version === "string" ? version : ""}`,
    );
    expect(packages.length).toBeGreaterThan(10);
    const table = textOf("docs/decisions/runtime-packages.md");
    const untold = packages.filter((one) => !table.includes(one));
    expect(untold).toEqual([]);
  });
});

function textOf(page: string): string {
  return readFileSync(path.join(root, page), "utf8");
}
