import type { FeatureDeclaration } from "../core/features.ts";
import type { JsonObject, JsonValue } from "../core/json.ts";
import { builtins, refusedBuiltins } from "./builtins/index.ts";
import type { Finding } from "./finding.ts";
import {
  constantPath,
  isList,
  memberOf,
  type Place,
  pathText,
  placeOf,
  type RegoRule,
  walk,
} from "./rego-ast.ts";

/**
 * Looks at parsed rules for what is refused, slow in WebAssembly, or easily wrong. It follows the
 * text of single rules, so what is hidden behind a function or a variable may pass.
 */
export function sourceFindings(
  rules: readonly RegoRule[],
  declared: readonly FeatureDeclaration[],
): readonly Finding[] {
  const found = new Map<string, Finding>();
  const read = new Set<string>();
  const wholes = new Set<string>();
  const add = (finding: Finding): void => {
    found.set(`${finding.code} ${finding.file}:${finding.line} ${finding.what}`, finding);
  };
  const ruleNames = new Set(rules.map(({ name }) => `data.${name}`));
  for (const rule of rules) {
    walk(rule.tree, (node, within) => {
      for (const look of [callFinding, scanFinding, trapFinding, undeclaredFinding]) {
        const finding = look(node, { within, declared, ruleNames });
        if (finding !== undefined) add(finding);
      }
      noteRead(node, read, wholes);
    });
  }
  for (const { entity, name } of declared) {
    if (read.has(`${entity}.${name}`) || wholes.has(entity) || wholes.has("")) continue;
    add({
      level: "warn",
      code: "feature_never_read",
      file: "features.yaml",
      line: 0,
      what: `${entity}.${name} is declared, and no rule reads it`,
      instead: "leave it out: each declared feature costs memory and a place in every input",
    });
  }
  return [...found.values()];
}

interface Around {
  readonly within: readonly JsonObject[];
  readonly declared: readonly FeatureDeclaration[];
  readonly ruleNames: ReadonlySet<string>;
}

function callFinding(node: JsonObject): Finding | undefined {
  const call = callOf(node);
  if (call === undefined) return undefined;
  const { name, args, place } = call;
  const refused = refusedBuiltins.get(name);
  if (refused !== undefined) {
    return at(
      place,
      "error",
      "refused_builtin",
      `${name} is not served: ${refused}`,
      "give what it would find as data, as a feature, or in the context of the request",
    );
  }
  const pattern = PATTERN_BUILTINS.has(name) ? args[0] : undefined;
  if (pattern !== undefined && memberOf(pattern, "type") !== "string") {
    return at(
      place,
      "warn",
      "pattern_not_constant",
      `${name} over a pattern that is no constant is compiled again at each evaluation`,
      "look the value up by key in data, or write the pattern as a constant",
    );
  }
  if (name === "glob.match") {
    return at(
      place,
      "warn",
      "slow_builtin",
      "glob.match compiles its pattern at each call",
      "look the value up by key, or use startswith, endswith or ==",
    );
  }
  if (builtins.has(name)) {
    return at(
      place,
      "warn",
      "host_builtin",
      `${name} is served by the host: each call leaves WebAssembly and writes its arguments as text`,
      INSTEAD.get(name) ?? "prefer a native builtin or a lookup where one does the same",
    );
  }
  return undefined;
}

const PATTERN_BUILTINS: ReadonlySet<string> = new Set([
  "glob.match",
  "regex.match",
  "regex.is_valid",
  "regex.find_n",
  "regex.find_all_string_submatch_n",
]);

const INSTEAD: ReadonlyMap<string, string> = new Map([
  ["sprintf", "concat is native, and so are startswith and + on numbers"],
  ["time.now_ns", "input.now_ns holds the same time"],
]);

function scanFinding(node: JsonObject, { within, ruleNames }: Around): Finding | undefined {
  const scanned = memberDomain(node) ?? everyDomain(node) ?? blankIn(node);
  if (scanned === undefined) return undefined;
  const path = pathText(scanned.ref);
  // What a rule makes is as small as its author made it; what data holds grows.
  if (!path.startsWith("data.") || [...ruleNames].some((name) => isWithin(path, name))) {
    return undefined;
  }
  const place = scanned.place ?? within.map(placeOf).findLast((one) => one !== undefined);
  return at(
    place,
    "warn",
    "scan_of_data",
    `${path} is gone through entry by entry; WebAssembly has no index for it`,
    `look up by key: ${path}[key]`,
  );
}

function isWithin(path: string, rule: string): boolean {
  return path === rule || path.startsWith(`${rule}.`);
}

interface Scanned {
  readonly ref: JsonValue | undefined;
  readonly place: Place | undefined;
}

/** `some x in data.…`; `x in data.…` without `some` asks for one value, and is no scan of ours. */
function memberDomain(node: JsonObject): Scanned | undefined {
  const symbols = node["symbols"];
  if (!isList(symbols)) return undefined;
  const call = symbols[0];
  const parts = memberOf(call, "value");
  const name = isList(parts) ? pathText(memberOf(parts[0], "value")) : "";
  if (!isList(parts) || !name.startsWith("internal.member")) return undefined;
  const domain = parts.at(-1);
  return { ref: memberOf(domain, "value"), place: placeOf(call) ?? placeOf(domain) };
}

function everyDomain(node: JsonObject): Scanned | undefined {
  const domain = node["domain"];
  return domain === undefined
    ? undefined
    : { ref: memberOf(domain, "value"), place: placeOf(domain) };
}

/** `data.…[_]`, which the parser names `$0`, `$1` and so on. */
function blankIn(node: JsonObject): Scanned | undefined {
  const value = node["value"];
  if (node["type"] !== "ref" || !isList(value)) return undefined;
  const hasBlank = value.some((part: JsonValue) => {
    const name = memberOf(part, "value");
    return memberOf(part, "type") === "var" && typeof name === "string" && name.startsWith("$");
  });
  return hasBlank ? { ref: value, place: placeOf(node) } : undefined;
}

/** `not f(input.x)` and `not input.x > 1` have no value where input.x is absent. */
function trapFinding(node: JsonObject): Finding | undefined {
  if (node["negated"] !== true || !isList(node["terms"])) return undefined;
  const call = callOf(node);
  if (call === undefined) return undefined;
  const absent = call.args.find((arg) => isOptionalInput(memberOf(arg, "value")));
  if (absent === undefined || memberOf(absent, "type") !== "ref") return undefined;
  // `not input.x == 1` is no call to the compiler, and holds where input.x is absent.
  if (call.name === "equal") return undefined;
  const path = pathText(memberOf(absent, "value"));
  const what = `${call.name} is negated over ${path}, which is read before the negation: where it is absent, the whole rule has no value`;
  return at(
    call.place,
    "warn",
    "absent_input_negated",
    what,
    `ask for presence first (\`not ${path}\` in a rule of its own), or name a rule that holds when all is well and negate that`,
  );
}

const ALWAYS_THERE: ReadonlySet<string> = new Set([
  "input.subject.type",
  "input.subject.id",
  "input.action.name",
  "input.resource.type",
  "input.resource.id",
  "input.now_ns",
]);

function isOptionalInput(ref: JsonValue | undefined): boolean {
  const path = pathText(ref);
  // The freshness of every declared feature is always there.
  const isThere = ALWAYS_THERE.has(path) || path.startsWith("input.freshness.");
  return path.startsWith("input.") && !isThere;
}

function undeclaredFinding(node: JsonObject, { declared }: Around): Finding | undefined {
  if (node["type"] !== "ref") return undefined;
  const [root, part, entity, name] = constantPath(node["value"]);
  if (root !== "input" || (part !== "features" && part !== "freshness")) return undefined;
  if (entity === undefined || name === undefined) return undefined;
  if (declared.some((feature) => feature.entity === entity && feature.name === name)) {
    return undefined;
  }
  return at(
    placeOf(node),
    "error",
    "feature_not_declared",
    `input.${part}.${entity}.${name} is read, and features.yaml does not declare it: it would always be absent`,
    "declare it in features.yaml, or correct the name",
  );
}

function noteRead(node: JsonObject, read: Set<string>, wholes: Set<string>): void {
  if (node["type"] !== "ref") return;
  const [root, part, entity, name] = constantPath(node["value"]);
  if (root !== "input" || part !== "features") return;
  if (name === undefined) {
    // The guard of a shape reads an entity without reading what is in it.
    const value = node["value"];
    const hasMore = isList(value) && value.length > (entity === undefined ? 2 : 3);
    if (hasMore) wholes.add(entity ?? "");
  } else read.add(`${entity}.${name}`);
}

interface Call {
  readonly name: string;
  readonly args: readonly JsonValue[];
  readonly place: Place | undefined;
}

/** A call stands in an expression as its terms, and within a term as its value. */
function callOf(node: JsonObject): Call | undefined {
  const parts = node["type"] === "call" ? node["value"] : node["terms"];
  if (!isList(parts) || parts.length === 0) return undefined;
  const [operator, ...args] = parts.map((part: JsonValue) => part);
  if (memberOf(operator, "type") !== "ref") return undefined;
  const name = pathText(memberOf(operator, "value"));
  return { name, args, place: placeOf(operator) ?? placeOf(node) };
}

function at(
  place: Place | undefined,
  level: Finding["level"],
  code: string,
  what: string,
  instead: string,
): Finding {
  return { level, code, file: place?.file ?? "", line: place?.line ?? 0, what, instead };
}
