import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { StileError } from "../core/errors.ts";

/** One part of readiness: what must be so before calls are taken. */
export interface ReadinessCheck {
  readonly name: string;
  readonly ready: boolean;
  readonly detail: string;
}

export interface HttpParts {
  /** Whether to take calls, and each check behind it. */
  readonly readiness: () => { readonly ready: boolean; readonly checks: readonly ReadinessCheck[] };
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
  /** JSON Web Key Set (RFC 7517) of the keys that sign grants. */
  readonly jwks: () => object;
}

export interface HttpServer {
  /** `host:port` as bound. */
  readonly address: string;
  close(): Promise<void>;
}

/** How long requests under way may take at the end; a caller may never finish sending one. */
const CLOSE_MS = 2_000;

/** The routes for operators and for those who check grants. */
export function createHttpApp(parts: HttpParts): Hono {
  const app = new Hono();
  app.get("/healthz", (context) => context.json({ status: "alive" }));
  app.get("/readyz", (context) => {
    const { ready, checks } = parts.readiness();
    return context.json({ ready, checks }, ready ? 200 : 503);
  });
  app.get("/metrics", async (context) => {
    context.header("content-type", parts.metrics.contentType);
    return context.body(await parts.metrics.text());
  });
  app.get("/.well-known/jwks.json", (context) => {
    context.header("cache-control", "public, max-age=300");
    return context.json(parts.jwks());
  });
  app.notFound((context) => context.json({ error: `no route ${context.req.path}` }, 404));
  return app;
}

/**
 * @param address `host:port`; port 0 takes a free one.
 * @throws StileError `invalid_config` when the address cannot be bound.
 */
export function serveHttp(address: string, parts: HttpParts): Promise<HttpServer> {
  const cut = address.lastIndexOf(":");
  const hostname = address.slice(0, cut).replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    const server = serve(
      { fetch: createHttpApp(parts).fetch, hostname, port: Number(address.slice(cut + 1)) },
      (bound) =>
        resolve({
          address: `${address.slice(0, cut)}:${bound.port}`,
          close: () =>
            new Promise((closed) => {
              const timer = setTimeout(() => {
                if ("closeAllConnections" in server) server.closeAllConnections();
              }, CLOSE_MS);
              server.close(() => {
                clearTimeout(timer);
                closed();
              });
              if ("closeIdleConnections" in server) server.closeIdleConnections();
            }),
        }),
    );
    server.once("error", (cause) => {
      reject(new StileError("invalid_config", `listen for HTTP on ${address}`, { cause }));
    });
  });
}
