import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type App, startApp } from "../../src/app.ts";
import { readConfig } from "../../src/config/config.ts";
import { silentLog } from "../../src/core/telemetry.ts";
import { buildBundle, writeBundle } from "../../src/policy/bundle-builder.ts";

/** What came back over HTTP. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** The service with a policy of its own, on free ports. */
export interface RunningApp {
  readonly app: App;
  /** Posts JSON, or a text as it is. */
  post(
    path: string,
    body: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<HttpAnswer>;
  get(path: string): Promise<HttpAnswer>;
  stop(): Promise<void>;
}

/**
 * Starts the service.
 *
 * @param policy folder below `policies/`, built by OPA with `data` beside it; none for the shipped
 *   pack.
 */
export async function startWith(policy?: {
  readonly folder: string;
  readonly opa: string;
  readonly data: unknown;
}): Promise<RunningApp> {
  const folder = await mkdtemp(path.join(tmpdir(), "stile-http-"));
  const bundle = policy === undefined ? "" : await bundleOf(policy, folder);
  const env = {
    STILE_DATA_DIR: path.join(folder, "data"),
    STILE_GRPC_ADDR: "127.0.0.1:0",
    STILE_HTTP_ADDR: "127.0.0.1:0",
    ...(bundle === "" ? {} : { STILE_BUNDLE: bundle }),
  };
  const app = await startApp(readConfig({ env }), { log: silentLog });
  const at = `http://${app.httpAddress}`;
  return {
    app,
    post: async (to, body, headers = {}) =>
      answerOf(
        await fetch(`${at}${to}`, {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: typeof body === "string" ? body : JSON.stringify(body),
        }),
      ),
    get: async (to) => answerOf(await fetch(`${at}${to}`)),
    async stop() {
      await app.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function bundleOf(
  policy: { readonly folder: string; readonly opa: string; readonly data: unknown },
  folder: string,
): Promise<string> {
  const source = path.join(folder, "source");
  await cp(path.join(import.meta.dirname, "policies", policy.folder), source, { recursive: true });
  await writeFile(path.join(source, "data.json"), JSON.stringify(policy.data));
  const bundle = path.join(folder, "bundle.tar.gz");
  await writeBundle(await buildBundle(source, policy.opa), bundle);
  return bundle;
}

async function answerOf(response: Response): Promise<HttpAnswer> {
  const text = await response.text();
  const body: unknown = text === "" ? undefined : JSON.parse(text);
  return { status: response.status, headers: response.headers, body };
}
