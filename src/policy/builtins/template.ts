import { RegoObject } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import { boundedText, objectOperand, stringOperand } from "./operands.ts";
import { templateFunctions } from "./template-functions.ts";
import {
  type Operand,
  type Pipe,
  parseTemplate,
  type TemplateNode,
  type Templates,
} from "./template-parse.ts";
import { isList, isMapping, isTrue, printed, type Value, valueOf } from "./template-values.ts";

/** Go's text/template. https://pkg.go.dev/text/template */
export const templateBuiltins: readonly (readonly [string, Builtin])[] = [
  ["strings.render_template", (args) => render(stringOperand(args, 0), objectOperand(args, 1))],
];

function render(source: string, variables: RegoObject): string {
  const data = valueOf(variables);
  const text = new TemplateRun(parseTemplate(source), data).run();
  return text.replaceAll("<no value>", "<undefined>");
}

/** Nodes run before a template is given up. */
const STEPS_MAX = 100_000;
const CALL_DEPTH_MAX = 100;

/** How a list of nodes ended. */
type Ending = "end" | "break" | "continue";

/** Variables in force, innermost last. */
type Scope = { readonly name: string; value: Value }[];

class TemplateRun {
  readonly #templates: Templates;
  readonly #data: Value;
  #out = "";
  #steps = 0;

  constructor(templates: Templates, data: Value) {
    this.#templates = templates;
    this.#data = data;
  }

  run(): string {
    this.#call("", this.#data, 0);
    return this.#out;
  }

  #call(name: string, dot: Value, depth: number): void {
    const nodes = this.#templates.get(name);
    if (nodes === undefined) throw new BuiltinError(`template ${name} not defined`);
    if (depth > CALL_DEPTH_MAX) throw new BuiltinError("templates call each other too deeply");
    this.#list(nodes, dot, [{ name: "$", value: dot }], depth);
  }

  #list(nodes: readonly TemplateNode[], dot: Value, scope: Scope, depth: number): Ending {
    for (const node of nodes) {
      if (++this.#steps > STEPS_MAX) throw new BuiltinError("the template takes too many steps");
      const ending = this.#node(node, dot, scope, depth);
      if (ending !== "end") return ending;
    }
    return "end";
  }

  #node(node: TemplateNode, dot: Value, scope: Scope, depth: number): Ending {
    switch (node.kind) {
      case "text":
        this.#out = boundedText(this.#out + node.text);
        return "end";
      case "action": {
        const value = this.#pipe(node.pipe, dot, scope);
        if (node.pipe.variables.length === 0) this.#out = boundedText(this.#out + printed(value));
        return "end";
      }
      case "template":
        this.#call(
          node.name,
          node.pipe === undefined ? undefined : this.#pipe(node.pipe, dot, scope),
          depth + 1,
        );
        return "end";
      case "range":
        return this.#range(node, dot, scope, depth);
      case "if":
      case "with": {
        const inner: Scope = [...scope];
        const value = this.#pipe(node.pipe, dot, inner);
        const holds = isTrue(value);
        const innerDot = node.kind === "with" && holds ? value : dot;
        return this.#list(holds ? node.body : node.otherwise, innerDot, inner, depth);
      }
      default:
        return node.kind;
    }
  }

  #range(
    node: Extract<TemplateNode, { kind: "if" | "with" | "range" }>,
    dot: Value,
    scope: Scope,
    depth: number,
  ): Ending {
    const { variables, declares } = node.pipe;
    const entries = entriesOf(this.#pipe({ ...node.pipe, variables: [] }, dot, [...scope]));
    if (entries.length === 0) return this.#list(node.otherwise, dot, [...scope], depth);
    for (const [key, value] of entries) {
      const inner: Scope = [...scope];
      const values = variables.length > 1 ? [key, value] : [value];
      for (const [at, name] of variables.entries()) assign(inner, name, values[at], declares);
      if (this.#list(node.body, value, inner, depth) === "break") break;
    }
    return "end";
  }

  #pipe(pipe: Pipe, dot: Value, scope: Scope): Value {
    let value: Value;
    for (const [at, command] of pipe.commands.entries()) {
      value = this.#command(command, dot, scope, at === 0 ? [] : [value]);
    }
    for (const name of pipe.variables) assign(scope, name, value, pipe.declares);
    return value;
  }

  #command(operands: readonly Operand[], dot: Value, scope: Scope, piped: readonly Value[]): Value {
    const [first, ...others] = operands;
    if (first?.kind !== "function") {
      if (first === undefined || first.kind === "nil")
        throw new BuiltinError("nil is not a command");
      if (others.length + piped.length > 0)
        throw new BuiltinError("can't give arguments to a value");
      return this.#operand(first, dot, scope);
    }
    const run = templateFunctions.get(first.name);
    if (run === undefined) throw new BuiltinError(`function ${first.name} not defined`);
    if (first.name !== "and" && first.name !== "or") {
      return run([...others.map((each) => this.#operand(each, dot, scope)), ...piped]);
    }
    if (others.length + piped.length === 0) throw new BuiltinError(`${first.name} needs arguments`);
    // These two stop at the first argument that decides.
    let value: Value;
    for (const each of others) {
      value = this.#operand(each, dot, scope);
      if (isTrue(value) === (first.name === "or")) return value;
    }
    return piped.length > 0 ? piped[0] : value;
  }

  #operand(operand: Operand, dot: Value, scope: Scope): Value {
    switch (operand.kind) {
      case "nil":
        return null;
      case "function":
        return this.#command([operand], dot, scope, []);
      case "dot":
        return fieldOf(dot, operand.fields);
      case "variable":
        return fieldOf(find(scope, operand.name).value, operand.fields);
      case "pipe":
        return fieldOf(this.#pipe(operand.pipe, dot, scope), operand.fields);
      default:
        return operand.value;
    }
  }
}

function entriesOf(value: Value): readonly (readonly [Value, Value])[] {
  if (value === undefined || value === null) return [];
  if (isList(value)) return value.map((item, at) => [BigInt(at), item]);
  if (isMapping(value)) return [...value];
  if (typeof value !== "bigint") throw new BuiltinError("range can't iterate over this value");
  if (value > STEPS_MAX) throw new BuiltinError("the template takes too many steps");
  return Array.from({ length: Math.max(Number(value), 0) }, (_, at) => [BigInt(at), BigInt(at)]);
}

function fieldOf(value: Value, fields: readonly string[]): Value {
  let current = value;
  for (const field of fields) {
    if (current === undefined || current === null) return undefined;
    if (!isMapping(current)) throw new BuiltinError(`can't evaluate field ${field}`);
    current = current.get(field);
  }
  return current;
}

function find(scope: Scope, name: string): { value: Value } {
  const variable = scope.findLast((each) => each.name === name);
  if (variable === undefined) throw new BuiltinError(`undefined variable ${name}`);
  return variable;
}

function assign(scope: Scope, name: string, value: Value, declares: boolean): void {
  if (declares) scope.push({ name, value });
  else find(scope, name).value = value;
}
