import { BuiltinError } from "./builtin.ts";
import { type TemplatePiece, type Token, templatePieces } from "./template-lex.ts";

export type TemplateNode =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipe: Pipe }
  | {
      readonly kind: "if" | "with" | "range";
      readonly pipe: Pipe;
      readonly body: readonly TemplateNode[];
      readonly otherwise: readonly TemplateNode[];
    }
  | { readonly kind: "template"; readonly name: string; readonly pipe: Pipe | undefined }
  | { readonly kind: "break" | "continue" };

/** Commands, each of which gets what the one before gave as its last argument. */
export interface Pipe {
  readonly variables: readonly string[];
  /** `:=` makes the variables, `=` sets them. */
  readonly declares: boolean;
  readonly commands: readonly (readonly Operand[])[];
}

export type Operand =
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "int"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "nil" }
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "dot"; readonly fields: readonly string[] }
  | { readonly kind: "variable"; readonly name: string; readonly fields: readonly string[] }
  | { readonly kind: "pipe"; readonly pipe: Pipe; readonly fields: readonly string[] };

/** A template and those that it defines, by name; its own name is "". */
export type Templates = ReadonlyMap<string, readonly TemplateNode[]>;

/** @throws BuiltinError when the source is no template. */
export function parseTemplate(source: string): Templates {
  return new TemplateParser(templatePieces(source)).parse();
}

const DEPTH_MAX = 200;

class TemplateParser {
  readonly #pieces: readonly TemplatePiece[];
  readonly #templates = new Map<string, readonly TemplateNode[]>();
  #at = 0;
  #rangeDepth = 0;
  #depth = 0;

  constructor(pieces: readonly TemplatePiece[]) {
    this.#pieces = pieces;
  }

  parse(): Templates {
    const { nodes, end } = this.#list();
    if (end !== undefined) throw new BuiltinError("unexpected {{end}} or {{else}}");
    this.#templates.set("", nodes);
    return this.#templates;
  }

  /** Reads until `end` or `else`, whose tokens are given back. */
  #list(): { nodes: TemplateNode[]; end: Tokens | undefined } {
    if (++this.#depth > DEPTH_MAX) throw new BuiltinError("the template is nested too deeply");
    const nodes: TemplateNode[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at++];
      if (piece === undefined) {
        this.#depth--;
        return { nodes, end: undefined };
      }
      if (piece.kind === "text") {
        nodes.push(piece);
        continue;
      }
      const tokens = new Tokens(piece.tokens);
      if (tokens.isWord("end") || tokens.isWord("else")) {
        this.#depth--;
        return { nodes, end: tokens };
      }
      const node = this.#action(tokens);
      if (node !== undefined) nodes.push(node);
    }
  }

  #action(tokens: Tokens): TemplateNode | undefined {
    const word = tokens.peekWord();
    switch (word) {
      case "if":
      case "with":
      case "range":
        tokens.next();
        return this.#control(word, tokens);
      case "define":
        this.#define(tokens);
        return undefined;
      case "block":
        return this.#block(tokens);
      case "template": {
        tokens.next();
        const name = tokens.takeString();
        return { kind: "template", name, pipe: tokens.atEnd() ? undefined : wholePipe(tokens) };
      }
      case "break":
      case "continue":
        tokens.next();
        tokens.expectEnd();
        if (this.#rangeDepth === 0) throw new BuiltinError(`{{${word}}} outside {{range}}`);
        return { kind: word };
      default:
        return { kind: "action", pipe: wholePipe(tokens) };
    }
  }

  #control(kind: "if" | "with" | "range", tokens: Tokens): TemplateNode {
    const pipe = wholePipe(tokens);
    if (kind === "range") this.#rangeDepth++;
    const { nodes: body, end } = this.#list();
    if (kind === "range") this.#rangeDepth--;
    return { kind, pipe, body, otherwise: this.#otherwise(kind, end) };
  }

  #otherwise(kind: "if" | "with" | "range", end: Tokens | undefined): readonly TemplateNode[] {
    if (end === undefined) throw new BuiltinError("missing {{end}}");
    if (end.isWord("end")) {
      end.next();
      end.expectEnd();
      return [];
    }
    end.next();
    if (kind !== "range" && end.isWord(kind)) {
      end.next();
      return [this.#control(kind, end)];
    }
    end.expectEnd();
    const { nodes, end: last } = this.#list();
    if (last?.isWord("end") !== true) throw new BuiltinError("missing {{end}}");
    return nodes;
  }

  #define(tokens: Tokens): void {
    tokens.next();
    const name = tokens.takeString();
    tokens.expectEnd();
    if (this.#depth > 1) throw new BuiltinError("unexpected {{define}}");
    this.#templates.set(name, this.#definition());
  }

  #block(tokens: Tokens): TemplateNode {
    tokens.next();
    const name = tokens.takeString();
    const pipe = wholePipe(tokens);
    this.#templates.set(name, this.#definition());
    return { kind: "template", name, pipe };
  }

  #definition(): readonly TemplateNode[] {
    const { nodes, end } = this.#list();
    if (end?.isWord("end") !== true) throw new BuiltinError("missing {{end}}");
    return nodes;
  }
}

class Tokens {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  peek(ahead = 0): Token | undefined {
    return this.#tokens[this.#at + ahead];
  }

  next(): Token | undefined {
    return this.#tokens[this.#at++];
  }

  atEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  peekWord(): string | undefined {
    const token = this.peek();
    return token?.kind === "word" ? token.text : undefined;
  }

  isWord(word: string): boolean {
    return this.peekWord() === word;
  }

  takeSign(sign: string): boolean {
    const token = this.peek();
    if (token?.kind !== "sign" || token.text !== sign) return false;
    this.#at++;
    return true;
  }

  takeString(): string {
    const token = this.next();
    if (token?.kind !== "string") throw new BuiltinError("a template's name must be a string");
    return unquoted(token.text);
  }

  expectEnd(): void {
    if (!this.atEnd())
      throw new BuiltinError(`unexpected ${this.peek()?.text ?? ""} in the template`);
  }
}

function wholePipe(tokens: Tokens): Pipe {
  const pipe = readPipe(tokens, 0);
  tokens.expectEnd();
  return pipe;
}

function readPipe(tokens: Tokens, depth: number): Pipe {
  if (depth > DEPTH_MAX) throw new BuiltinError("the template is nested too deeply");
  const { variables, declares } = readVariables(tokens);
  const commands: Operand[][] = [];
  do {
    const operands: Operand[] = [];
    for (let next = tokens.peek(); next !== undefined && !endsCommand(next); next = tokens.peek()) {
      operands.push(readOperand(tokens, depth));
    }
    if (operands.length === 0) throw new BuiltinError("missing value in the template");
    commands.push(operands);
  } while (tokens.takeSign("|"));
  return { variables, declares, commands };
}

function endsCommand(token: Token): boolean {
  return token.kind === "sign" && (token.text === "|" || token.text === ")");
}

function readVariables(tokens: Tokens): { variables: readonly string[]; declares: boolean } {
  const none = { variables: [], declares: false };
  const first = tokens.peek();
  if (first?.kind !== "variable") return none;
  const after = tokens.peek(1);
  const isSign = (token: Token | undefined, sign: string): boolean =>
    token?.kind === "sign" && token.text === sign;
  if (isSign(after, ":=") || isSign(after, "=")) {
    tokens.next();
    tokens.next();
    return { variables: [first.text], declares: after?.text === ":=" };
  }
  const second = tokens.peek(2);
  const sign = tokens.peek(3);
  if (!isSign(after, ",") || second?.kind !== "variable") return none;
  if (!isSign(sign, ":=") && !isSign(sign, "=")) return none;
  for (let count = 0; count < 4; count++) tokens.next();
  return { variables: [first.text, second.text], declares: sign?.text === ":=" };
}

function readOperand(tokens: Tokens, depth: number): Operand {
  const token = tokens.next();
  switch (token?.kind) {
    case "string":
      return { kind: "string", value: unquoted(token.text) };
    case "number":
      return numberOperand(token.text);
    case "character":
      return { kind: "int", value: BigInt(unquoted(token.text).codePointAt(0) ?? 0) };
    case "field":
      return { kind: "dot", fields: [token.text.slice(1), ...readFields(tokens)] };
    case "variable":
      return { kind: "variable", name: token.text, fields: readFields(tokens) };
    case "word":
      return wordOperand(token.text);
    default:
      if (token?.text === ".") return { kind: "dot", fields: [] };
      if (token?.text !== "(")
        throw new BuiltinError(`unexpected ${token?.text ?? "end"} in the template`);
  }
  const pipe = readPipe(tokens, depth + 1);
  if (!tokens.takeSign(")")) throw new BuiltinError("unclosed parenthesis in the template");
  return { kind: "pipe", pipe, fields: readFields(tokens) };
}

function readFields(tokens: Tokens): readonly string[] {
  const fields: string[] = [];
  for (let next = tokens.peek(); next?.kind === "field" && !next.spaced; next = tokens.peek()) {
    fields.push(next.text.slice(1));
    tokens.next();
  }
  return fields;
}

function wordOperand(word: string): Operand {
  if (word === "true" || word === "false") return { kind: "boolean", value: word === "true" };
  return word === "nil" ? { kind: "nil" } : { kind: "function", name: word };
}

function numberOperand(text: string): Operand {
  const plain = text.replaceAll("_", "");
  if (/^[+-]?(?:[1-9][0-9]*|0[0-7]*|0[xXbBoO][0-9a-fA-F]+)$/.test(plain)) {
    const digits = plain.replace(/^[+-]/, "").replace(/^0(?=[0-7])/, "0o");
    const magnitude = BigInt(digits);
    return { kind: "int", value: plain.startsWith("-") ? -magnitude : magnitude };
  }
  const value = Number(plain);
  if (!Number.isFinite(value)) throw new BuiltinError("bad number syntax in the template");
  return { kind: "float", value };
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
  "'": "'",
};

function unquoted(literal: string): string {
  const inner = literal.slice(1, -1);
  if (literal.startsWith("`")) return inner;
  const escape = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/g;
  return inner.replace(
    escape,
    (_, x?: string, u?: string, long?: string, octal?: string, named?: string) => {
      const hex = x ?? u ?? long;
      if (hex !== undefined)
        return String.fromCodePoint(Math.min(Number.parseInt(hex, 16), 0x10ffff));
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      const plain = ESCAPES[named ?? ""];
      if (plain === undefined) throw new BuiltinError("unknown escape in the template");
      return plain;
    },
  );
}
