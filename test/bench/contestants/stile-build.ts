/** A build of Stile to measure. */
export interface StileBuild {
  /** Path of its `cli/main.js`. */
  readonly main: string;
  /** Tells it from others in the tables: "" for this tree, ` (before)` for one given beside it. */
  readonly suffix: string;
  /** Options of node, such as `--cpu-prof`. */
  readonly nodeArgs: readonly string[];
}
