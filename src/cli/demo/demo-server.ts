import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, startApp } from "../../app.ts";
import { StileClient } from "../../client/stile-client.ts";
import { readConfig } from "../../config/config.ts";
import type { Clock } from "../../core/clock.ts";
import { silentLog } from "../../core/telemetry.ts";

/** A clock that stands still until the story moves it. */
export class StoryClock implements Clock {
  #nowMs: number;

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  /** Never goes back. */
  moveTo(nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
  }
}

/** A whole server of its own, in a folder that goes with it. */
export interface DemoServer {
  readonly app: App;
  readonly client: StileClient;
  readonly clock: StoryClock;
  close(): Promise<void>;
}

/** @param startMs where its clock stands at first. */
export async function startDemoServer(startMs: number): Promise<DemoServer> {
  const dataDir = mkdtempSync(join(tmpdir(), "stile-demo-"));
  const clock = new StoryClock(startMs);
  const config = readConfig({
    env: {
      STILE_GRPC_ADDR: "127.0.0.1:0",
      STILE_HTTP_ADDR: "127.0.0.1:0",
      STILE_DATA_DIR: dataDir,
    },
  });
  const app = await startApp(config, { log: silentLog, clock });
  const client = new StileClient(app.grpcAddress);
  return {
    app,
    client,
    clock,
    async close() {
      client.close();
      await app.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
