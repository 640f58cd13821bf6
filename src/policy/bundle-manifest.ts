import { z } from "zod";
import { StileError } from "../core/errors.ts";
import { type JsonMember, scanJson } from "./json-scanner.ts";

/** What we read of a bundle's `.manifest`. */
export interface Manifest {
  readonly revision: string;
  /** Which parts of the data document the bundle owns; `[""]` for all of it. */
  readonly roots: readonly string[];
}

/**
 * Reads `.manifest`; a bundle may leave it out.
 *
 * @throws StileError `bundle_invalid`.
 * @see https://www.openpolicyagent.org/docs/management-bundles, "Bundle File Format".
 */
export function readManifest(bytes: Uint8Array | undefined): Manifest {
  if (bytes === undefined) return { revision: "", roots: [""] };
  const read = manifestShape.safeParse(parsed(bytes));
  if (!read.success) {
    const issue = read.error.issues[0];
    throw invalid(`.manifest: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
  }
  const roots = (read.data.roots ?? [""]).map((root) => root.replace(/^\/+|\/+$/g, ""));
  for (const [i, root] of roots.entries()) {
    const other = roots.find((candidate, at) => at !== i && contains(candidate, root));
    if (other !== undefined) {
      throw invalid(`.manifest: roots ${quoted(other)} and ${quoted(root)} overlap`);
    }
  }
  return { revision: read.data.revision ?? "", roots };
}

/**
 * Checks that data is JSON and stays within the manifest's roots.
 *
 * @throws JsonTextError, or StileError `bundle_invalid` naming the first path outside.
 */
export function checkManifestRoots(data: Uint8Array, roots: readonly string[]): void {
  if (roots.includes("")) {
    scanJson(data);
    return;
  }
  const depth = Math.max(1, ...roots.map((root) => root.split("/").length));
  scanJson(data, depth, ({ path, start }: JsonMember) => {
    const name = path.join("/");
    if (roots.some((root) => contains(root, name))) return;
    const leadsToRoot = data[start] === 0x7b && roots.some((root) => contains(name, root));
    if (!leadsToRoot) {
      const owned = roots.map(quoted).join(", ");
      throw invalid(`data.json has ${quoted(name)}, outside the manifest's roots ${owned}`);
    }
  });
}

const manifestShape = z.object({
  revision: z.string().max(1_000).optional(),
  roots: z.array(z.string().max(1_000)).max(1_000).optional(),
});

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (thrown) {
    throw new StileError("bundle_invalid", ".manifest is not JSON", { cause: thrown });
  }
}

function contains(root: string, path: string): boolean {
  return root === "" || path === root || path.startsWith(`${root}/`);
}

function quoted(path: string): string {
  return JSON.stringify(path);
}

function invalid(what: string): StileError {
  return new StileError("bundle_invalid", what);
}
