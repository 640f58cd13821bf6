import type { Builtin } from "./builtin.ts";

/** The builtins that the host serves, by OPA's names. */
export const builtins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>();

const doesIo = "a decision does no I/O";

/** Builtins that are not served, and why: a bundle that needs one is not opened. */
export const refusedBuiltins: ReadonlyMap<string, string> = new Map([
  ["http.send", doesIo],
  ["net.lookup_ip_addr", doesIo],
  ["opa.runtime", "a decision does not depend on the environment of its process"],
  ["rego.parse_module", "no Rego compiler runs beside the policy"],
]);
