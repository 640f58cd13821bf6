import type { StileServer } from "./stile-server.ts";

/** @returns how many decisions the server's process has made, whatever their outcome. */
export async function decidedCount(server: StileServer): Promise<number> {
  const lines = (await server.metrics()).split("\n");
  const counts = lines.filter((line) => line.startsWith("stile_decisions_total{"));
  return counts.reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
}
