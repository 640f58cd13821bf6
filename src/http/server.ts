import { type HttpBindings, type ServerType, serve } from "@hono/node-server";
import { Hono } from "hono";
import { describeError, StileError } from "../core/errors.ts";
import type { Log } from "../core/telemetry.ts";
import { serveAuthzen } from "./authzen-door.ts";
import type { Decider, HttpApp } from "./decision-door.ts";
import { serveOpaData } from "./opa-door.ts";

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
  readonly decider: Decider;
  readonly log: Log;
}

export interface HttpServer {
  /** `host:port` as bound. */
  readonly address: string;
  close(): Promise<void>;
}

/** How long requests under way may take at the end; a caller may never finish sending one. */
const CLOSE_MS = 2_000;
const IDLE_MS = 50;

/** How long a caller may take to send a request; one that drips it in holds a connection. */
const REQUEST_MS = 30_000;
const HEADERS_MS = 10_000;

/** The routes for operators, for those who check grants, and for those who ask. */
export function createHttpApp(parts: HttpParts): HttpApp {
  const app = new Hono<{ Bindings: HttpBindings }>();
  serveAuthzen(app, parts);
  serveOpaData(app, parts);
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
  app.onError((error, context) => {
    parts.log.error("request_failed", {
      path: context.req.path,
      cause: describeError(error),
    });
    return context.json({ error: "the request failed inside Stile" }, 500);
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
      {
        fetch: createHttpApp(parts).fetch,
        hostname,
        port: Number(address.slice(cut + 1)),
        serverOptions: { requestTimeout: REQUEST_MS, headersTimeout: HEADERS_MS },
      },
      (bound) =>
        resolve({
          address: `${address.slice(0, cut)}:${bound.port}`,
          close: () => closeServer(server),
        }),
    );
    server.once("error", (cause) => {
      reject(new StileError("invalid_config", `listen for HTTP on ${address}`, { cause }));
    });
  });
}

/** Takes no more, lets requests under way end, then cuts what is left. */
function closeServer(server: ServerType): Promise<void> {
  return new Promise((closed) => {
    if (!("closeAllConnections" in server)) {
      server.close(() => closed());
      return;
    }
    // A connection stays open after its last answer, for a next request that is not taken.
    const idle = setInterval(() => server.closeIdleConnections(), IDLE_MS);
    const cut = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
    server.close(() => {
      clearInterval(idle);
      clearTimeout(cut);
      closed();
    });
  });
}
