/** One who asks, with the device, country and address they usually ask from. */
export interface Member {
  readonly type: "user" | "service";
  readonly id: string;
  /** "" where there is none. */
  readonly device: string;
  readonly country: string;
  readonly ip: string;
}

/** The team as `assignments` of the pack names it, and kim, who holds no role. */
export const TEAM = {
  ada: person("ada"),
  bo: person("bo"),
  cleo: person("cleo"),
  dov: person("dov"),
  esra: person("esra"),
  finn: person("finn"),
  kim: person("kim"),
  robot: { type: "service", id: "ci-deployer", device: "", country: "", ip: "198.51.100.7" },
} as const satisfies Readonly<Record<string, Member>>;

/** Who signed in before the day begins. */
export const SIGNED_IN: readonly Member[] = Object.values(TEAM).filter(
  (member) => member !== TEAM.kim,
);

/** Who carries an authenticator. */
export const ENROLLED: readonly Member[] = [TEAM.ada, TEAM.bo, TEAM.cleo, TEAM.finn];

function person(id: string): Member {
  return { type: "user", id, device: `${id}-laptop`, country: "NL", ip: "192.0.2.10" };
}
