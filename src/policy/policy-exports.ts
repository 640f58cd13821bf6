/** The functions of a policy module that its host calls (OPA WASM ABI 1.2). */
export interface PolicyExports {
  readonly malloc: (bytes: number) => number;
  readonly free: (address: number) => void;
  readonly heapPtrGet: () => number;
  readonly heapPtrSet: (address: number) => void;
  readonly jsonParse: (address: number, bytes: number) => number;
  readonly jsonDump: (value: number) => number;
  readonly valueParse: (address: number, bytes: number) => number;
  readonly valueDump: (value: number) => number;
  readonly contextNew: () => number;
  readonly contextSetInput: (context: number, value: number) => void;
  readonly contextSetData: (context: number, value: number) => void;
  readonly contextSetEntrypoint: (context: number, entrypoint: number) => void;
  readonly contextGetResult: (context: number) => number;
  readonly eval: (context: number) => number;
  readonly builtins: () => number;
}

/** @throws TypeError naming what the module does not export. */
export function readExports(instance: WebAssembly.Instance): PolicyExports {
  const named = (name: string): ((...args: number[]) => number) => {
    const value = instance.exports[name];
    if (!isNumeric(value)) throw new TypeError(`it exports no function ${name}`);
    return value;
  };
  return {
    malloc: named("opa_malloc"),
    free: named("opa_free"),
    heapPtrGet: named("opa_heap_ptr_get"),
    heapPtrSet: named("opa_heap_ptr_set"),
    jsonParse: named("opa_json_parse"),
    jsonDump: named("opa_json_dump"),
    valueParse: named("opa_value_parse"),
    valueDump: named("opa_value_dump"),
    contextNew: named("opa_eval_ctx_new"),
    contextSetInput: named("opa_eval_ctx_set_input"),
    contextSetData: named("opa_eval_ctx_set_data"),
    contextSetEntrypoint: named("opa_eval_ctx_set_entrypoint"),
    contextGetResult: named("opa_eval_ctx_get_result"),
    eval: named("eval"),
    builtins: named("builtins"),
  };
}

/** @returns the ABI version as `major.minor`, or "" where the module names none. */
export function readAbiVersion(instance: WebAssembly.Instance): string {
  const major = globalValue(instance, "opa_wasm_abi_version");
  const minor = globalValue(instance, "opa_wasm_abi_minor_version");
  return major === undefined || minor === undefined ? "" : `${major}.${minor}`;
}

function globalValue(instance: WebAssembly.Instance, name: string): number | undefined {
  const found = instance.exports[name];
  return found instanceof WebAssembly.Global && typeof found.value === "number"
    ? found.value
    : undefined;
}

/** An exported function of a module is a JavaScript function over numbers. */
function isNumeric(value: unknown): value is (...args: number[]) => number {
  return typeof value === "function";
}
