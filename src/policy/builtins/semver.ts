import { type Builtin, BuiltinError } from "./builtin.ts";
import { anyOperand, stringOperand } from "./operands.ts";

/** Semantic versions, with the leading `v` that OPA lets pass. https://semver.org */
export const semverBuiltins: readonly (readonly [string, Builtin])[] = [
  ["semver.is_valid", (args) => parseVersion(anyOperand(args, 0)) !== undefined],
  ["semver.compare", (args) => compareVersions(versionAt(args, 0), versionAt(args, 1))],
];

interface Version {
  readonly numbers: readonly bigint[];
  /** Empty for a release. */
  readonly preRelease: readonly string[];
}

const NUMBER = "(0|[1-9][0-9]*)";
const IDENTIFIERS = "[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*";
const SYNTAX = new RegExp(
  `^v?${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-(${IDENTIFIERS}))?(?:\\+${IDENTIFIERS})?$`,
);
const INT64_MAX = 2n ** 63n - 1n;

function versionAt(args: Parameters<Builtin>[0], at: number): Version {
  const version = parseVersion(stringOperand(args, at));
  if (version === undefined) throw new BuiltinError(`operand ${at + 1} is not a valid SemVer`);
  return version;
}

function parseVersion(term: unknown): Version | undefined {
  const match = typeof term === "string" ? SYNTAX.exec(term) : null;
  if (match === null) return undefined;
  const numbers = match.slice(1, 4).map(BigInt);
  const preRelease = match[4]?.split(".") ?? [];
  const leadingZero = preRelease.some((part) => /^0[0-9]+$/.test(part));
  return leadingZero || numbers.some((number) => number > INT64_MAX)
    ? undefined
    : { numbers, preRelease };
}

function compareVersions(a: Version, b: Version): number {
  for (const [at, left] of a.numbers.entries()) {
    const order = compare(left, b.numbers[at] ?? 0n);
    if (order !== 0) return order;
  }
  if (a.preRelease.length === 0 || b.preRelease.length === 0) {
    return compare(b.preRelease.length, a.preRelease.length);
  }
  for (const [at, left] of a.preRelease.entries()) {
    const right = b.preRelease[at];
    if (right === undefined) return 1;
    const order = compareIdentifiers(left, right);
    if (order !== 0) return order;
  }
  return compare(a.preRelease.length, b.preRelease.length);
}

/** Numbers come before words. */
function compareIdentifiers(a: string, b: string): number {
  const aIsNumber = /^[0-9]+$/.test(a);
  const bIsNumber = /^[0-9]+$/.test(b);
  if (aIsNumber && bIsNumber) return compare(BigInt(a), BigInt(b));
  if (aIsNumber !== bIsNumber) return aIsNumber ? -1 : 1;
  return compare(a, b);
}

function compare<T extends bigint | number | string>(a: T, b: T): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
