/** Something that `stile check` has to say of a policy. */
export interface Finding {
  /** What is refused, or what is only slow or doubtful. */
  readonly level: "error" | "warn";
  /** Stable name of the check, such as `host_builtin` or `law_stale_is_no_help`. */
  readonly code: string;
  /** Path within the policy's folder; "" where it is about the whole. */
  readonly file: string;
  /** From 1; 0 where it is about the whole file. */
  readonly line: number;
  readonly what: string;
  /** What to write instead; "" where there is nothing to add. */
  readonly instead: string;
  /** JSON text of the input that shows it, where there is one. */
  readonly input?: string;
}
