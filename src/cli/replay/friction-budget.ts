import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { StileError } from "../../core/errors.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";

/** How often a subject may be asked for a proof in a day. */
export interface BudgetRule {
  /** Subjects of this role; undefined for everybody. */
  readonly role: string | undefined;
  /** For this action; undefined for all actions together. */
  readonly action: string | undefined;
  /** Step-ups per subject and day (UTC). */
  readonly most: number;
}

export interface FrictionBudget {
  readonly rules: readonly BudgetRule[];
  /** Subject (`type:id`) → roles. */
  readonly roles: ReadonlyMap<string, readonly string[]>;
}

/** A subject that would be asked more often than the budget allows. */
export interface BudgetBreach {
  readonly rule: BudgetRule;
  readonly subject: string;
  readonly day: string;
  readonly was: number;
  readonly now: number;
}

/**
 * Reads a budget: `budget:` lists `{role?, action?, most}`, `roles:` says who holds which role, as
 * `user:ada: senior_engineer` or a list of roles.
 *
 * @throws StileError `invalid_config`, naming what is wrong.
 */
export function readBudget(file: string): FrictionBudget {
  const fail = (what: string, cause?: unknown): StileError =>
    new StileError("invalid_config", `the budget ${file}: ${what}`, { cause });
  let tree: unknown;
  try {
    tree = parse(readFileSync(file, "utf8"));
  } catch (thrown) {
    throw fail("cannot be read", thrown);
  }
  if (!isJsonObject(tree)) throw fail("holds no mapping; expected budget and roles");
  const stray = Object.keys(tree).find((key) => key !== "budget" && key !== "roles");
  if (stray !== undefined) throw fail(`${stray} is no key; there are budget and roles`);
  const listed: unknown = tree["budget"];
  if (!Array.isArray(listed) || listed.length === 0) throw fail("budget is no list of rules");
  const rules = listed.map((rule: unknown, index) => {
    if (!isJsonObject(rule)) throw fail(`budget[${index}] is no mapping`);
    return ruleOf(rule, (what) => fail(`budget[${index}]${what}`));
  });
  const roles = rolesOf(tree["roles"]);
  const rule = rules.find(
    ({ role }) => role !== undefined && ![...roles.values()].flat().includes(role),
  );
  if (rule !== undefined) throw fail(`nobody in roles holds ${rule.role}`);
  return { rules, roles };
}

function ruleOf(rule: JsonObject, fail: (what: string) => StileError): BudgetRule {
  const { role, action, most, ...others } = rule;
  const [stray] = Object.keys(others);
  if (stray !== undefined) throw fail(`.${stray} is no key; there are role, action, most`);
  if (typeof most !== "number" || !Number.isInteger(most) || most < 0) {
    throw fail(`.most is ${JSON.stringify(most)}, expected a whole number from 0`);
  }
  if (role !== undefined && typeof role !== "string") throw fail(".role is no text");
  if (action !== undefined && typeof action !== "string") throw fail(".action is no text");
  return { role, action, most };
}

function rolesOf(value: unknown): ReadonlyMap<string, readonly string[]> {
  if (!isJsonObject(value)) return new Map();
  return new Map(
    Object.entries(value).map(([subject, held]) => [
      subject,
      (Array.isArray(held) ? held : [held]).map(String),
    ]),
  );
}

/**
 * @param stepUps by `day subject action`, tabs between: then and now.
 * @returns for each rule the subject and day that go furthest beyond it.
 */
export function breachesOf(
  budget: FrictionBudget,
  stepUps: ReadonlyMap<string, readonly [number, number]>,
): readonly BudgetBreach[] {
  return budget.rules.flatMap((rule) => {
    const sums = new Map<string, { subject: string; day: string; was: number; now: number }>();
    for (const [key, [was, now]] of stepUps) {
      const [day = "", subject = "", action = ""] = key.split("\t");
      if (rule.action !== undefined && action !== rule.action) continue;
      if (rule.role !== undefined && budget.roles.get(subject)?.includes(rule.role) !== true)
        continue;
      const sum = sums.get(`${day}\t${subject}`) ?? { subject, day, was: 0, now: 0 };
      sums.set(`${day}\t${subject}`, { ...sum, was: sum.was + was, now: sum.now + now });
    }
    const worst = [...sums.values()].toSorted((a, b) => b.now - a.now)[0];
    return worst === undefined || worst.now <= rule.most ? [] : [{ rule, ...worst }];
  });
}
