import { type RegoObject, RegoSet, type Term } from "../terms.ts";
import { type Builtin, BuiltinError } from "./builtin.ts";
import {
  MEMBERS_MAX,
  membersOf,
  membersOperand,
  type Operands,
  objectOperand,
} from "./operands.ts";

export const graphBuiltins: readonly (readonly [string, Builtin])[] = [
  ["graph.reachable_paths", reachablePaths],
];

/** A path ends where a node has no edges, is not in the graph, or would come again. */
function reachablePaths(args: Operands): Term {
  const walk: Walk = { graph: objectOperand(args, 0), paths: [], stepCount: 0 };
  for (const start of membersOperand(args, 1)) {
    const edges = edgesOf(walk.graph, start);
    if (edges === undefined) continue;
    if (edges.length === 0) walk.paths.push([start]);
    for (const next of edges) follow(walk, next, [start]);
  }
  return new RegoSet(walk.paths);
}

interface Walk {
  readonly graph: RegoObject;
  readonly paths: Term[];
  stepCount: number;
}

function follow(walk: Walk, node: Term, before: readonly Term[]): void {
  if (++walk.stepCount > MEMBERS_MAX) throw new BuiltinError("the graph has too many paths");
  const edges = edgesOf(walk.graph, node);
  if (edges === undefined) {
    walk.paths.push(before);
    return;
  }
  const path = [...before, node];
  if (edges.length === 0) walk.paths.push(path);
  const seen = new RegoSet(path);
  for (const next of edges) {
    if (seen.has(next)) walk.paths.push(path);
    else follow(walk, next, path);
  }
}

/** @returns undefined for a node that is not in the graph, no edges where its value is no list. */
function edgesOf(graph: RegoObject, node: Term): readonly Term[] | undefined {
  const edges = graph.get(node);
  return edges === undefined ? undefined : (membersOf(edges) ?? []);
}
