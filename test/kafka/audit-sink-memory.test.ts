import { MemorySink } from "../audit/memory-sink.ts";
import { describeAuditSink } from "./audit-sink-contract.ts";

describeAuditSink("memory", async () => {
  const sink = new MemorySink();
  await Promise.resolve();
  return {
    sink,
    published: () => Promise.resolve(sink.topic),
    goAway: () => {
      sink.away = true;
      return Promise.resolve();
    },
    comeBack: () => {
      sink.comeBack();
      return Promise.resolve();
    },
    close: () => sink.close(),
  };
});
