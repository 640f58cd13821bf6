import { defineConfig } from "vitest/config";

/**
 * "unit" runs anywhere within seconds. "real" runs against OPA, grpcurl and Apache Kafka, which
 * `test/real` brings into `.tools/`; two files at a time, since a broker keeps a core busy.
 */
export default defineConfig({
  test: {
    reporters: ["default", "json"],
    outputFile: { json: ".tools/test-report.json" },
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.real.test.ts"],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "real",
          include: ["test/**/*.real.test.ts"],
          globalSetup: ["test/real/global-setup.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
