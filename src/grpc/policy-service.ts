import type { Policies } from "../core/policy.ts";
import type { Log } from "../core/telemetry.ts";
import { messageFromBundles } from "../wire/audit.ts";
import type { ListBundlesRequest } from "../wire/messages.ts";
import { unary } from "./handlers.ts";

/** The handlers of stile.v1.PolicyService. */
export function policyHandlers(parts: { readonly policies: Policies; readonly log: Log }) {
  const { policies, log } = parts;
  return {
    listBundles: unary(log, async (_request: ListBundlesRequest) =>
      messageFromBundles(policies.list()),
    ),
  };
}
