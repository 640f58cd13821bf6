import { StileClient } from "../client/stile-client.ts";
import type { Terminal } from "./terminal.ts";

/** What every command works with. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether `--json` was given. */
  json(): boolean;
  /** Sets the exit code. */
  exit(code: number): void;
  /** Runs with a client of the server that `--server` names, and closes it. */
  withClient<T>(use: (client: StileClient) => Promise<T>): Promise<T>;
}

/** @param server `host:port`, read when a command runs. */
export function createContext(parts: {
  readonly terminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly options: () => { readonly json?: boolean; readonly server: string };
  readonly exit: (code: number) => void;
}): CommandContext {
  return {
    terminal: parts.terminal,
    env: parts.env,
    json: () => parts.options().json === true,
    exit: parts.exit,
    async withClient(use) {
      const client = new StileClient(parts.options().server);
      try {
        return await use(client);
      } finally {
        client.close();
      }
    },
  };
}
