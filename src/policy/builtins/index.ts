import { awsBuiltins } from "./aws-signature.ts";
import type { Builtin } from "./builtin.ts";
import { castBuiltins } from "./casts.ts";
import { cidrBuiltins } from "./cidr.ts";
import { encodingBuiltins } from "./encodings.ts";
import { graphBuiltins } from "./graph.ts";
import { graphqlBuiltins } from "./graphql.ts";
import { hashBuiltins } from "./hashes.ts";
import { jsonPatchBuiltins } from "./json-patch.ts";
import { jsonSchemaBuiltins } from "./json-schema.ts";
import { jwtSignBuiltins } from "./jwt-sign.ts";
import { jwtVerifyBuiltins } from "./jwt-verify.ts";
import { rangeBuiltins } from "./numbers-range.ts";
import { subsetBuiltins } from "./object-subset.ts";
import { printBuiltins } from "./printing.ts";
import { regexBuiltins } from "./regex.ts";
import { semverBuiltins } from "./semver.ts";
import { sprintfBuiltins } from "./sprintf.ts";
import { stringBuiltins } from "./strings.ts";
import { templateBuiltins } from "./template.ts";
import { timeBuiltins } from "./time.ts";
import { unitBuiltins } from "./units.ts";
import { uriBuiltins } from "./uri.ts";
import { urlQueryBuiltins } from "./url-query.ts";
import { randomBuiltins } from "./uuid.ts";
import { x509Builtins } from "./x509.ts";
import { yamlBuiltins } from "./yaml.ts";

/** The builtins that the host serves, by OPA's names. */
export const builtins: ReadonlyMap<string, Builtin> = new Map<string, Builtin>([
  ...castBuiltins,
  ...cidrBuiltins,
  ...encodingBuiltins,
  ...graphBuiltins,
  ...hashBuiltins,
  ...x509Builtins,
  ...jwtSignBuiltins,
  ...jwtVerifyBuiltins,
  ...jsonPatchBuiltins,
  ...awsBuiltins,
  ...printBuiltins,
  ...yamlBuiltins,
  ...templateBuiltins,
  ...jsonSchemaBuiltins,
  ...graphqlBuiltins,
  ...rangeBuiltins,
  ...subsetBuiltins,
  ...regexBuiltins,
  ...semverBuiltins,
  ...sprintfBuiltins,
  ...stringBuiltins,
  ...timeBuiltins,
  ...unitBuiltins,
  ...uriBuiltins,
  ...urlQueryBuiltins,
  ...randomBuiltins,
]);

const doesIo = "a decision does no I/O";

/** Builtins that are not served, and why: a bundle that needs one is not opened. */
export const refusedBuiltins: ReadonlyMap<string, string> = new Map([
  ["http.send", doesIo],
  ["net.lookup_ip_addr", doesIo],
  ["opa.runtime", "a decision does not depend on the environment of its process"],
  ["rego.parse_module", "no Rego compiler runs beside the policy"],
]);
