import { describe, expect, it } from "vitest";
import { StileError } from "../../src/core/errors.ts";
import { readFeatureFile } from "../../src/policy/feature-file.ts";

const GIVEN = "{ entity: device, name: known, type: boolean, max_age_s: 60, made: given }";

function feature(line: string): string {
  return `features:\n  - ${line}\n`;
}

function refusal(text: string): string {
  try {
    readFeatureFile(text);
  } catch (thrown) {
    if (thrown instanceof StileError && thrown.code === "bundle_invalid") return thrown.message;
    throw thrown;
  }
  return "";
}

describe("readFeatureFile", () => {
  it("reads each way in which a feature is made", () => {
    const declared = readFeatureFile(`
features:
  - ${GIVEN}
  - entity: subject
    name: failed_logins
    type: number
    max_age_s: 600
    made: { count: login.failed, window_s: 600 }
  - { entity: subject, name: places, type: strings, max_age_s: 86400, made: { recent: login, of: country, most: 5 } }
  - { entity: global, name: incidents, type: strings, max_age_s: 86400, made: { open: opened, closed_by: closed, of: id, most: 9 } }
`);
    expect(declared).toEqual([
      { entity: "device", name: "known", type: "boolean", maxAgeS: 60, made: { kind: "given" } },
      {
        entity: "subject",
        name: "failed_logins",
        type: "number",
        maxAgeS: 600,
        made: { kind: "count", signals: ["login.failed"], windowS: 600 },
      },
      {
        entity: "subject",
        name: "places",
        type: "strings",
        maxAgeS: 86400,
        made: { kind: "recent", signals: ["login"], of: "country", most: 5 },
      },
      {
        entity: "global",
        name: "incidents",
        type: "strings",
        maxAgeS: 86400,
        made: { kind: "open", signal: "opened", closedBy: "closed", of: "id", most: 9 },
      },
    ]);
  });

  it("reads a file that declares none", () => {
    expect(readFeatureFile("features: []\n")).toEqual([]);
  });

  it.each([
    ["an empty file", "", /features\.yaml: /],
    ["no YAML", "features: [", /line 1: /],
    ["a key given twice", "features: []\nfeatures: []\n", /line 2: .*unique/],
    ["a key unknown", "feature: []\n", /feature/],
    [
      "a feature's key unknown",
      feature(GIVEN.replace("made:", "tags: [], made:")),
      /line 2.*"tags"/,
    ],
    [
      "an entity unknown",
      feature(GIVEN.replace("device", "user")),
      /line 2: features\[0\]\.entity/,
    ],
    ["a name with signs", feature(GIVEN.replace("known", "is-known")), /line 2: .*name like/],
    ["a type unknown", feature(GIVEN.replace("boolean", "bool")), /line 2: features\[0\]\.type/],
    ["an age of no time", feature(GIVEN.replace("60", "0")), /max_age_s/],
    ["an age as text", feature(GIVEN.replace("60", '"60"')), /max_age_s/],
    ["a making unknown", feature(GIVEN.replace("given", "{ sum: a }")), /line 2.*made: expected/],
    ["a window missing", feature(GIVEN.replace("given", "{ count: a }")), /made: expected/],
    [
      "a count that is no number",
      feature(GIVEN.replace("given", "{ count: a, window_s: 5 }")),
      /line 2: device\.known is made as number, not boolean/,
    ],
    ["a feature declared twice", `${feature(GIVEN)}  - ${GIVEN}\n`, /line 3: device\.known.*twice/],
    ["an alias", `a: &a [1]\nfeatures: *a\n`, /features\.yaml: /],
  ])("refuses %s, naming the place", (_, text, message) => {
    expect(refusal(text)).toMatch(message);
  });
});
