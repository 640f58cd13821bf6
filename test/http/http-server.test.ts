import { once } from "node:events";
import { connect, createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { silentLog } from "../../src/core/telemetry.ts";
import { createHttpApp, type HttpParts, serveHttp } from "../../src/http/server.ts";
import { allowAll, KeptLog } from "../grpc/grpc-fixture.ts";

const KEYS = { keys: [{ kty: "OKP", crv: "Ed25519", kid: "1", x: "AA" }] };

function partsOf(changes: Partial<HttpParts> = {}): HttpParts {
  return {
    readiness: () => ({
      ready: true,
      checks: [{ name: "policy", ready: true, detail: "default sre-1" }],
    }),
    metrics: { contentType: "text/plain; version=0.0.4", text: () => Promise.resolve("a 1\n") },
    jwks: () => KEYS,
    decider: allowAll(),
    log: silentLog,
    ...changes,
  };
}

describe("the HTTP routes", () => {
  it("says that the process lives, whether ready or not", async () => {
    const app = createHttpApp(partsOf({ readiness: () => ({ ready: false, checks: [] }) }));
    const response = await app.request("/healthz");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: "alive" });
  });

  it.each([
    [true, 200],
    [false, 503],
  ])("answers readiness of %s by %i, with each check", async (ready, status) => {
    const checks = [{ name: "features", ready, detail: "3 messages are not yet read" }];
    const app = createHttpApp(partsOf({ readiness: () => ({ ready, checks }) }));
    const response = await app.request("/readyz");
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({ ready, checks });
  });

  it("gives metrics under the type that Prometheus reads", async () => {
    const response = await createHttpApp(partsOf()).request("/metrics");
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4");
    expect(await response.text()).toBe("a 1\n");
  });

  it("gives the keys, to be kept for minutes", async () => {
    const response = await createHttpApp(partsOf()).request("/.well-known/jwks.json");
    expect(response.headers.get("content-type")).toContain("application/json");
    expect(response.headers.get("cache-control")).toBe("public, max-age=300");
    expect(await response.json()).toEqual(KEYS);
  });

  it.each([
    ["GET", "/nothing"],
    ["POST", "/metrics"],
    ["GET", "/../etc/passwd"],
  ])("answers %s %s by 404 and JSON", async (method, path) => {
    const response = await createHttpApp(partsOf()).request(path, { method });
    expect(response.status).toBe(404);
    expect(await response.json()).toHaveProperty("error");
  });

  it("tells nothing of a fault of ours", async () => {
    const metrics = { contentType: "", text: () => Promise.reject(new Error("hunter2")) };
    const log = new KeptLog();
    const response = await createHttpApp(partsOf({ metrics, log })).request("/metrics");
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ error: "the request failed inside Stile" });
    expect(log.events.map(({ event }) => event)).toEqual(["request_failed"]);
  });
});

describe("serveHttp", () => {
  it("serves on a free port and names it, and ends", async () => {
    const server = await serveHttp("127.0.0.1:0", partsOf());
    expect(server.address).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
    expect((await fetch(`http://${server.address}/healthz`)).status).toBe(200);
    await server.close();
    await expect(fetch(`http://${server.address}/healthz`)).rejects.toThrow("fetch failed");
  });

  it("says which address it cannot have", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    onTestFinished(() => void other.close());
    const address = other.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    await expect(serveHttp(`127.0.0.1:${port}`, partsOf())).rejects.toMatchObject({
      code: "invalid_config",
      message: `listen for HTTP on 127.0.0.1:${port}`,
    });
  });

  it("ends though a caller never finishes its request", async () => {
    const server = await serveHttp("127.0.0.1:0", partsOf());
    const socket = connect(Number(server.address.split(":")[1]), "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    socket.write("POST /healthz HTTP/1.1\r\nhost: stile\r\ncontent-length: 10\r\n\r\n");
    socket.resume();
    const cut = once(socket, "close");
    await server.close();
    await cut;
    expect(socket.closed).toBe(true);
  });

  it("lets a request under way have its answer", async () => {
    let answer: (text: string) => void = () => undefined;
    const text = new Promise<string>((resolve) => {
      answer = resolve;
    });
    const metrics = { contentType: "text/plain", text: () => text };
    const server = await serveHttp("127.0.0.1:0", partsOf({ metrics }));
    const response = fetch(`http://${server.address}/metrics`);
    await new Promise((resolve) => {
      setTimeout(resolve, 100);
    });
    const closed = server.close();
    answer("late 1\n");
    expect(await (await response).text()).toBe("late 1\n");
    await closed;
  });
});
