import { StileError } from "../core/errors.ts";
import type { Log } from "../core/telemetry.ts";
import { ServingStatus } from "../wire/messages.ts";
import { type LiveStreams, serverStream, unary } from "./handlers.ts";

/** Whether the service takes calls, told to those who ask and to those who watch. */
export class Readiness {
  #ready = false;
  readonly #watchers = new Set<() => void>();

  get ready(): boolean {
    return this.#ready;
  }

  set(ready: boolean): void {
    if (ready === this.#ready) return;
    this.#ready = ready;
    for (const notify of this.#watchers) notify();
  }

  /** Resolves at the next change, or when the signal aborts. */
  changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#watchers.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#watchers.add(done);
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    });
  }
}

/**
 * The handlers of grpc.health.v1.Health.
 *
 * @param services names that may be asked for; "" stands for the whole server.
 */
export function healthHandlers(parts: {
  readonly readiness: Readiness;
  readonly services: ReadonlySet<string>;
  readonly live: LiveStreams;
  readonly log: Log;
}) {
  const { readiness, services, live, log } = parts;
  const statusOf = (service: string): ServingStatus => {
    if (service !== "" && !services.has(service)) return ServingStatus.SERVICE_UNKNOWN;
    return readiness.ready ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  };
  return {
    check: unary(log, async ({ service }: { readonly service: string }) => {
      const status = statusOf(service);
      if (status === ServingStatus.SERVICE_UNKNOWN) {
        throw new StileError("unknown_service", `no service is named "${service}"`);
      }
      return { status };
    }),
    watch: serverStream(log, live, async function* (request: { readonly service: string }, signal) {
      while (!signal.aborted) {
        yield { status: statusOf(request.service) };
        await readiness.changed(signal);
      }
    }),
  };
}
