import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { BUNDLE_FILES } from "./bundle-reader.ts";

export interface WatchOptions {
  readonly path: string;
  /** How often to look without being told; some file systems tell nothing. */
  readonly pollMs: number;
  /** How long the files must stay as they are before they count as written. */
  readonly settleMs: number;
  /** Called after a change, never twice at once. Must not throw. */
  readonly onChange: () => Promise<void>;
}

/**
 * Watches a bundle's file, or its folder, from now on.
 *
 * A change is a new size, time or inode. While `onChange` runs, further changes are noticed and
 * lead to another call, so the last state of the files is always looked at.
 */
export async function watchBundle(options: WatchOptions): Promise<{ close(): Promise<void> }> {
  const { path, pollMs, settleMs, onChange } = options;
  let seen = await fingerprint(path);
  let isClosed = false;
  let running: Promise<void> | undefined;

  async function look(): Promise<void> {
    for (;;) {
      const found = await fingerprint(path);
      if (isClosed || found === seen) return;
      await delay(settleMs);
      if ((await fingerprint(path)) !== found) continue;
      seen = found;
      if (!isClosed && found !== NOTHING) await onChange();
    }
  }
  function wake(): void {
    if (isClosed || running !== undefined) return;
    running = look().finally(() => {
      running = undefined;
    });
  }

  const watchers = [dirname(path), path].flatMap((place) => watchPlace(place, wake));
  const timer = setInterval(wake, pollMs);
  timer.unref();
  return {
    async close() {
      isClosed = true;
      clearInterval(timer);
      for (const watcher of watchers) watcher.close();
      await running;
    },
  };
}

const NOTHING = "";

/** @returns what changes when the files do; "" when there is nothing. */
async function fingerprint(path: string): Promise<string> {
  const own = await statText(path);
  const parts = await Promise.all(BUNDLE_FILES.map((name) => statText(join(path, name))));
  return [own, ...parts].join("");
}

async function statText(path: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return `${ino}:${size}:${mtimeNs}:${ctimeNs};`;
  } catch {
    return "";
  }
}

/** A file is replaced by renaming, which only its folder tells. The poll covers what fails here. */
function watchPlace(place: string, wake: () => void): FSWatcher[] {
  try {
    const watcher = watch(place, { persistent: false }, wake);
    watcher.on("error", () => watcher.close());
    return [watcher];
  } catch {
    return [];
  }
}
