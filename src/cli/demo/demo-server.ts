import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type App, startApp } from "../../app.ts";
import { StileClient } from "../../client/stile-client.ts";
import { readConfig } from "../../config/config.ts";
import type { Clock } from "../../core/clock.ts";
import type { Log } from "../../core/telemetry.ts";

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

/** A whole server of its own, in a folder that goes with it unless it is kept. */
export interface DemoServer {
  readonly app: App;
  readonly client: StileClient;
  readonly clock: StoryClock;
  readonly dataDir: string;
  close(options?: { readonly keep: boolean }): Promise<void>;
}

/**
 * Starts what `stile serve` starts, with a clock by hand, on free ports of the loopback. Nothing
 * is read of the environment or of a configuration file.
 *
 * @param parts.startMs where its clock stands at first.
 * @throws StileError when it cannot start; its folder is then removed.
 */
export async function startDemoServer(parts: {
  readonly startMs: number;
  readonly log: Log;
}): Promise<DemoServer> {
  const dataDir = mkdtempSync(join(tmpdir(), "stile-demo-"));
  const removal = removeAtTheLatest(dataDir);
  const clock = new StoryClock(parts.startMs);
  const config = readConfig({
    env: {
      STILE_GRPC_ADDR: "127.0.0.1:0",
      STILE_HTTP_ADDR: "127.0.0.1:0",
      STILE_DATA_DIR: dataDir,
    },
  });
  let app: App;
  try {
    app = await startApp(config, { log: parts.log, clock });
  } catch (thrown) {
    removal.now();
    throw thrown;
  }
  const client = new StileClient(app.grpcAddress);
  return {
    app,
    client,
    clock,
    dataDir,
    async close({ keep } = { keep: false }) {
      client.close();
      await app.close();
      if (keep) removal.never();
      else removal.now();
    },
  };
}

interface Removal {
  now(): void;
  never(): void;
}

/** Sees to it that the folder goes too when the process is broken off, by Ctrl-C or an error. */
function removeAtTheLatest(folder: string): Removal {
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const stop = (): void => process.exit(130);
  process.on("exit", remove).on("SIGINT", stop).on("SIGTERM", stop);
  const never = (): void => {
    process.off("exit", remove).off("SIGINT", stop).off("SIGTERM", stop);
  };
  return {
    never,
    now() {
      never();
      remove();
    },
  };
}
