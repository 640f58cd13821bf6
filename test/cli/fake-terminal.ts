import type { Terminal } from "../../src/cli/terminal.ts";

/** A terminal that keeps its lines and shows styles as `<style:text>`. */
export class FakeTerminal implements Terminal {
  readonly interactive = false;
  readonly outLines: string[] = [];
  readonly errLines: string[] = [];

  out(line: string): void {
    this.outLines.push(line);
  }
  err(line: string): void {
    this.errLines.push(line);
  }
  style(style: Parameters<Terminal["style"]>[0], text: string): string {
    return `<${String(style)}:${text}>`;
  }
  ask(): Promise<string> {
    return Promise.reject(new Error("nobody is here"));
  }
}
