import * as opaWasm from "@open-policy-agent/opa-wasm";
import { asError } from "../core/errors.ts";

/** What the package's loader leaves in an instance. */
export interface Loaded {
  /** Name → id. */
  readonly entrypoints: unknown;
  /** The data document in linear memory. */
  readonly dataAddress: number;
}

/**
 * Loads a data document into an instance of ours, by the package's own loader.
 *
 * @param data JSON text.
 * @throws Error when the engine does not take the data; the package itself throws strings.
 */
export function loadData(
  policy: { readonly module: WebAssembly.Module; readonly instance: WebAssembly.Instance },
  memory: WebAssembly.Memory,
  data: Uint8Array,
): Loaded {
  const exported: unknown = Reflect.get(opaWasm, "default");
  if (!hasLoader(exported)) throw new TypeError("@open-policy-agent/opa-wasm has no LoadedPolicy");
  try {
    const loader = new exported.LoadedPolicy(policy, memory, 2);
    loader.setData(new Uint8Array(data).buffer);
    const entrypoints: unknown = loader.entrypoints;
    return { entrypoints, dataAddress: loader.dataAddr };
  } catch (thrown) {
    throw asError(thrown);
  }
}

/** Its types say that the class is exported by name; its ES module exports an object of it. */
function hasLoader(
  exported: unknown,
): exported is { readonly LoadedPolicy: typeof opaWasm.LoadedPolicy } {
  return typeof exported === "object" && exported !== null && "LoadedPolicy" in exported;
}
