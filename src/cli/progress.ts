const SHOWN_EVERY_MS = 200;

/** A line on standard error that counts, where a person watches; else nothing. */
export interface Progress {
  add(count: number): void;
  end(): void;
}

/** @param what is counted, such as "records read". */
export function startProgress(what: string): Progress {
  if (!process.stderr.isTTY) return { add: () => undefined, end: () => undefined };
  const startedMs = performance.now();
  let count = 0;
  let shownMs = startedMs;
  const show = (nowMs: number): void => {
    shownMs = nowMs;
    const perSecond = Math.round(count / Math.max(0.001, (nowMs - startedMs) / 1000));
    process.stderr.write(`\r${count} ${what}, ${perSecond}/s\u001B[K`);
  };
  return {
    add(more) {
      count += more;
      const nowMs = performance.now();
      if (nowMs - shownMs >= SHOWN_EVERY_MS) show(nowMs);
    },
    end() {
      if (shownMs > startedMs) process.stderr.write("\r\u001B[K");
    },
  };
}
