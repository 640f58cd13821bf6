import { type Document, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { asError, StileError } from "../core/errors.ts";
import {
  ENTITIES,
  FEATURE_TYPES,
  type FeatureDeclaration,
  type FeatureMaking,
} from "../core/features.ts";

const DECLARATIONS_MAX = 1_000;
const TEXT_CHARS_MAX = 1_048_576;

/**
 * Reads `features.yaml`, the features that a policy declares:
 *
 * ```yaml
 * features:
 *   - { entity: device, name: known, type: boolean, max_age_s: 86400, made: given }
 *   - { entity: subject, name: failed_logins, type: number, max_age_s: 600,
 *       made: { count: login.failed, window_s: 600 } }
 *   - { entity: subject, name: places, type: strings, max_age_s: 86400,
 *       made: { recent: login.passed, of: country, most: 5 } }
 *   - { entity: global, name: incidents, type: strings, max_age_s: 86400,
 *       made: { open: incident.declared, closed_by: incident.closed, of: id, most: 100 } }
 * ```
 *
 * Unknown keys and features declared twice are refused.
 *
 * @throws StileError `bundle_invalid`, naming the line and the field.
 */
export function readFeatureFile(text: string): readonly FeatureDeclaration[] {
  if (text.length > TEXT_CHARS_MAX) throw invalid("", `longer than ${TEXT_CHARS_MAX} characters`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, strict: true, uniqueKeys: true });
  const error = document.errors[0];
  if (error !== undefined) {
    throw invalid(`line ${lines.linePos(error.pos[0]).line}: `, firstLine(error.message));
  }
  const lineOf = (path: readonly PropertyKey[]): string => {
    for (let length = path.length; length > 0; length -= 1) {
      const node: unknown = document.getIn(path.slice(0, length), true);
      const offset = nodeOffset(node);
      if (offset !== undefined) return `line ${lines.linePos(offset).line}: `;
    }
    return "";
  };

  const result = fileShape.safeParse(valueOf(document));
  if (!result.success) {
    const issue = result.error.issues[0];
    const path = issue?.path ?? [];
    throw invalid(lineOf(path), `${fieldName(path)}${issue?.message ?? "not as declared"}`);
  }
  const seen = new Set<string>();
  return result.data.features.map((row, i) => {
    const key = `${row.entity}.${row.name}`;
    if (seen.has(key)) throw invalid(lineOf(["features", i]), `${key} is declared twice`);
    seen.add(key);
    const wanted = typeOf(row.made);
    if (wanted !== undefined && row.type !== wanted) {
      throw invalid(
        lineOf(["features", i, "type"]),
        `${key} is made as ${wanted}, not ${row.type}`,
      );
    }
    return {
      entity: row.entity,
      name: row.name,
      type: row.type,
      maxAgeS: row.max_age_s,
      made: makingFrom(row.made),
    };
  });
}

const signal = z.string().min(1).max(200);
const signals = z.union([
  signal.transform((one) => [one]),
  z
    .array(signal)
    .min(1)
    .max(32)
    .refine((list) => new Set(list).size === list.length),
]);
const attribute = z.string().min(1).max(200);
const seconds = z.int().min(1).max(31_622_400);
const most = z.int().min(1).max(1_000);

const makingShape = z.union(
  [
    z.literal("given"),
    z.strictObject({ count: signals, window_s: seconds }),
    z.strictObject({ recent: signals, of: attribute, most }),
    z.strictObject({ open: signal, closed_by: signal, of: attribute, most }),
  ],
  {
    error:
      "expected given, {count, window_s}, {recent, of, most} or {open, closed_by, of, most}, " +
      "signals as text or a list of texts, attributes as text, the rest as whole numbers above 0 (most: at most 1000)",
  },
);

type Making = z.infer<typeof makingShape>;

const fileShape = z.strictObject({
  features: z
    .array(
      z.strictObject({
        entity: z.enum(ENTITIES),
        name: z
          .string()
          .regex(
            /^[a-z][a-z0-9_]{0,63}$/,
            "expected a name like failed_logins, at most 64 characters",
          ),
        type: z.enum(FEATURE_TYPES),
        max_age_s: seconds,
        made: makingShape,
      }),
    )
    .max(DECLARATIONS_MAX),
});

function makingFrom(made: Making): FeatureMaking {
  if (made === "given") return { kind: "given" };
  if ("count" in made) return { kind: "count", signals: made.count, windowS: made.window_s };
  if ("recent" in made) {
    return { kind: "recent", signals: made.recent, of: made.of, most: made.most };
  }
  const { open, closed_by: closedBy, of, most } = made;
  return { kind: "open", signal: open, closedBy, of, most };
}

/** @returns the only type that a feature made this way can have; undefined where any may be. */
function typeOf(made: Making): "number" | "strings" | undefined {
  if (made === "given") return undefined;
  return "count" in made ? "number" : "strings";
}

/** Aliases are refused: a few lines of them can stand for gigabytes. */
function valueOf(document: Document): unknown {
  try {
    const value: unknown = document.toJS({ maxAliasCount: 0 });
    return value;
  } catch (thrown) {
    throw invalid("", `${asError(thrown).message}: aliases are not accepted`);
  }
}

function invalid(where: string, what: string): StileError {
  return new StileError("bundle_invalid", `features.yaml: ${where}${what}`);
}

function fieldName(path: readonly PropertyKey[]): string {
  const name = path.reduce<string>(
    (text, part) => (typeof part === "number" ? `${text}[${part}]` : `${text}.${String(part)}`),
    "",
  );
  return name === "" ? "" : `${name.replace(/^\./, "")}: `;
}

/** yaml appends a picture of the place to its messages. */
function firstLine(message: string): string {
  return message.split("\n")[0]?.replace(/ at line .*$/, "") ?? message;
}

function nodeOffset(node: unknown): number | undefined {
  if (typeof node !== "object" || node === null || !("range" in node)) return undefined;
  const { range } = node;
  if (!Array.isArray(range)) return undefined;
  const start: unknown = range[0];
  return typeof start === "number" ? start : undefined;
}
