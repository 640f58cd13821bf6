import { ExactNumber, numberText } from "../rego-number.ts";
import { isNumber, type Term } from "../terms.ts";
import type { Builtin } from "./builtin.ts";
import { goTermText } from "./go-quote.ts";
import { arrayOperand, boundedText, stringOperand } from "./operands.ts";
import { type Flags, type FormatArg, formatArg, typeName } from "./sprintf-verbs.ts";

/** Go's `fmt.Sprintf`, verb by verb. https://pkg.go.dev/fmt */
export const sprintfBuiltins: readonly (readonly [string, Builtin])[] = [
  ["sprintf", (args) => formatGo(stringOperand(args, 0), arrayOperand(args, 1).map(argOf))],
];

/** @throws BuiltinError when the text made is too long. */
export function formatGo(format: string, args: readonly FormatArg[]): string {
  return new Formatter(format, args).run();
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
/** Go refuses widths and precisions beyond. */
const SIZE_MAX = 1_000_000;

function argOf(term: Term): FormatArg {
  if (typeof term === "string") return { kind: "string", value: term };
  if (!isNumber(term)) return { kind: "string", value: goTermText(term) };
  const text = numberText(term);
  if (!/[.eE]/.test(text)) {
    const value = BigInt(text);
    return { kind: value >= INT64_MIN && value <= INT64_MAX ? "int" : "bigInt", value };
  }
  const value = term instanceof ExactNumber ? Number(text) : term;
  return Number.isFinite(value) ? { kind: "float", value } : { kind: "string", value: text };
}

class Formatter {
  readonly #format: string;
  readonly #args: readonly FormatArg[];
  #at = 0;
  #argAt = 0;
  #reordered = false;
  #goodIndex = true;
  #out = "";

  constructor(format: string, args: readonly FormatArg[]) {
    this.#format = format;
    this.#args = args;
  }

  run(): string {
    while (this.#at < this.#format.length) {
      const percent = this.#format.indexOf("%", this.#at);
      const end = percent < 0 ? this.#format.length : percent;
      this.#write(this.#format.slice(this.#at, end));
      this.#at = end + 1;
      if (percent >= 0) this.#directive();
    }
    if (!this.#reordered && this.#argAt < this.#args.length) this.#writeExtra();
    return this.#out;
  }

  #directive(): void {
    this.#goodIndex = true;
    const flags = this.#readFlags();
    let afterIndex = this.#readIndex();
    const starWidth = this.#takeIf("*");
    flags.width = starWidth ? this.#sizeFromArg() : this.#readSize();
    if (starWidth) {
      if (flags.width === undefined) this.#write("%!(BADWIDTH)");
      else if (flags.width < 0) {
        flags.width = -flags.width;
        flags.minus = true;
        flags.zero = false;
      }
      afterIndex = false;
    } else if (afterIndex && flags.width !== undefined) this.#goodIndex = false;
    if (this.#at + 1 < this.#format.length && this.#takeIf(".")) {
      if (afterIndex) this.#goodIndex = false;
      afterIndex = this.#readPrecision(flags);
    }
    if (!afterIndex) this.#readIndex();
    this.#verb(flags);
  }

  #verb(flags: Flags): void {
    const point = this.#format.codePointAt(this.#at);
    if (point === undefined) {
      this.#write("%!(NOVERB)");
      return;
    }
    const verb = String.fromCodePoint(point);
    this.#at += verb.length;
    if (verb === "%") this.#write("%");
    else if (!this.#goodIndex) this.#write(`%!${verb}(BADINDEX)`);
    else {
      const arg = this.#args[this.#argAt];
      if (arg === undefined) this.#write(`%!${verb}(MISSING)`);
      else {
        this.#argAt++;
        this.#write(formatArg(arg, verb, flags));
      }
    }
  }

  #readFlags(): Flags {
    const flags = newFlags();
    for (;;) {
      if (this.#takeIf("#")) flags.sharp = true;
      else if (this.#takeIf("0")) flags.zero = true;
      else if (this.#takeIf("+")) flags.plus = true;
      else if (this.#takeIf("-")) flags.minus = true;
      else if (this.#takeIf(" ")) flags.space = true;
      else break;
    }
    return flags;
  }

  /** Takes an argument index such as `[2]`. @returns whether a readable one was there. */
  #readIndex(): boolean {
    if (this.#format[this.#at] !== "[") return false;
    this.#reordered = true;
    const end = this.#format.indexOf("]", this.#at);
    const inner = end < 0 ? "" : this.#format.slice(this.#at + 1, end);
    this.#at = end < 0 ? this.#at + 1 : end + 1;
    const index = /^[0-9]+$/.test(inner) ? Number(inner) - 1 : -1;
    const readable = /^[0-9]+$/.test(inner) && index < SIZE_MAX;
    if (readable && index >= 0 && index < this.#args.length) {
      this.#argAt = index;
      return true;
    }
    this.#goodIndex = false;
    return readable;
  }

  #readPrecision(flags: Flags): boolean {
    const afterIndex = this.#readIndex();
    if (!this.#takeIf("*")) {
      flags.precision = this.#readSize() ?? 0;
      return afterIndex;
    }
    const precision = this.#sizeFromArg();
    if (precision === undefined || precision < 0) this.#write("%!(BADPREC)");
    else flags.precision = precision;
    return false;
  }

  #readSize(): number | undefined {
    const digits = /^[0-9]+/.exec(this.#format.slice(this.#at, this.#at + 16))?.[0];
    if (digits === undefined) return undefined;
    const value = Number(digits);
    if (value > SIZE_MAX) {
      this.#at = this.#format.length;
      return undefined;
    }
    this.#at += digits.length;
    return value;
  }

  #sizeFromArg(): number | undefined {
    const arg = this.#args[this.#argAt];
    if (arg === undefined) return undefined;
    this.#argAt++;
    if (arg.kind !== "int") return undefined;
    const size = Number(arg.value);
    return Math.abs(size) > SIZE_MAX ? undefined : size;
  }

  #writeExtra(): void {
    const extra = this.#args.slice(this.#argAt).map((arg) => {
      return `${typeName(arg)}=${formatArg(arg, "v", newFlags())}`;
    });
    this.#write(`%!(EXTRA ${extra.join(", ")})`);
  }

  #takeIf(character: string): boolean {
    if (this.#format[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #write(text: string): void {
    this.#out = boundedText(this.#out + text);
  }
}

function newFlags(): Flags {
  return {
    sharp: false,
    zero: false,
    plus: false,
    minus: false,
    space: false,
    width: undefined,
    precision: undefined,
  };
}
