import { BuiltinError } from "./builtin.ts";

/** A piece of a template: text, or an action between braces. */
export type TemplatePiece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly tokens: readonly Token[] };

/** A word of an action. */
export interface Token {
  readonly kind: "string" | "number" | "character" | "field" | "variable" | "word" | "sign";
  readonly text: string;
  /** Whether white space stands before it: `.a.b` is one operand, `.a .b` are two. */
  readonly spaced: boolean;
}

/** Splits a template of Go's text/template; `{{-` and `-}}` trim the text beside them. */
export function templatePieces(source: string): readonly TemplatePiece[] {
  const pieces: TemplatePiece[] = [];
  let trimNext = false;
  for (let at = 0; at < source.length; ) {
    const open = source.indexOf("{{", at);
    const trimsBefore = open >= 0 && /^-[ \t\r\n]/.test(source.slice(open + 2, open + 4));
    let text = source.slice(at, open < 0 ? undefined : open);
    if (trimNext) text = text.replace(/^[ \t\r\n]+/, "");
    if (trimsBefore) text = text.replace(/[ \t\r\n]+$/, "");
    if (text !== "") pieces.push({ kind: "text", text });
    if (open < 0) break;
    const start = open + (trimsBefore ? 3 : 2);
    const action = readAction(source, start);
    if (action.tokens !== undefined) pieces.push({ kind: "action", tokens: action.tokens });
    trimNext = action.trims;
    at = action.end;
  }
  return pieces;
}

interface Action {
  /** Undefined for a comment. */
  readonly tokens: readonly Token[] | undefined;
  readonly trims: boolean;
  readonly end: number;
}

const COMMENT = /[ \t\r\n]*\/\*[^]*?\*\/(?:[ \t\r\n]-)?\}\}/y;
const CLOSE = /(?:[ \t\r\n]-)?\}\}/y;
const SPACE = /[ \t\r\n]+/y;
const KINDS: readonly (readonly [Token["kind"], RegExp])[] = [
  ["string", /"(?:[^"\\\n]|\\.)*"|`[^`]*`/y],
  ["character", /'(?:[^'\\\n]|\\.)[^'\n]*'/y],
  [
    "number",
    /[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:[0-9][0-9_]*\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)/y,
  ],
  ["field", /\.[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ["variable", /\$[\p{L}\p{Nd}_]*/uy],
  ["word", /[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ["sign", /:=|[=|(),.]/y],
];

function readAction(source: string, start: number): Action {
  const comment = matchAt(COMMENT, source, start);
  if (comment !== undefined) {
    return { tokens: undefined, trims: comment.endsWith("-}}"), end: start + comment.length };
  }
  const tokens: Token[] = [];
  for (let at = start; at < source.length; ) {
    const close = matchAt(CLOSE, source, at);
    if (close !== undefined) return { tokens, trims: close.length > 2, end: at + close.length };
    const space = matchAt(SPACE, source, at)?.length ?? 0;
    if (space > 0 && matchAt(CLOSE, source, at + space - 1)?.startsWith("}") === false) {
      at += space - 1;
      continue;
    }
    at += space;
    if (matchAt(CLOSE, source, at) !== undefined) continue;
    const token = tokenAt(source, at, space > 0);
    tokens.push(token);
    at += token.text.length;
  }
  throw new BuiltinError("unclosed action in the template");
}

function tokenAt(source: string, at: number, spaced: boolean): Token {
  for (const [kind, form] of KINDS) {
    const text = matchAt(form, source, at);
    if (text !== undefined) return { kind, text, spaced };
  }
  throw new BuiltinError(`unexpected ${JSON.stringify(source.slice(at, at + 8))} in the template`);
}

function matchAt(form: RegExp, source: string, at: number): string | undefined {
  form.lastIndex = at;
  return form.exec(source)?.[0];
}
