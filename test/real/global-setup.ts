import { once } from "node:events";
import { createServer } from "node:http";
import type { TestProject } from "vitest/node";
import { type RealKafka, startKafka } from "./kafka.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Where `sharedKafka` asks for the broker of this run. */
    sharedKafkaUrl: string;
  }
}

/**
 * Offers the tests one broker for the whole run. It is started when the first test asks, so a
 * run of tests that need none starts none.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let starting: Promise<RealKafka> | undefined;

  const server = createServer((_request, response) => {
    starting ??= startKafka();
    starting.then(
      (kafka) => response.end(JSON.stringify(kafka.brokers)),
      (thrown: unknown) => response.writeHead(500).end(String(thrown)),
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = address === null || typeof address === "string" ? 0 : address.port;
  project.provide("sharedKafkaUrl", `http://127.0.0.1:${port}/`);

  return async () => {
    server.close();
    await (await starting?.catch(() => undefined))?.stop();
  };
}
