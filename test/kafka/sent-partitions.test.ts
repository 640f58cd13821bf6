import { describe, expect, it } from "vitest";
import { SentPartitions } from "../../src/kafka/sent-partitions.ts";

const partitionMetadata = [0, 1, 2].map((partitionId) => ({
  partitionErrorCode: 0,
  partitionId,
  leader: partitionId,
  replicas: [],
  isr: [],
}));

/** Chooses partitions for the keys, as kafkajs does when it sends. */
function send(sent: SentPartitions, keys: readonly string[]): Set<number> {
  const choose = sent.partitioner();
  return new Set(
    keys.map((key) => choose({ topic: "t", partitionMetadata, message: { key, value: "" } })),
  );
}

function acknowledged(partitions: Iterable<number>) {
  return [...partitions].map((partition) => ({ topicName: "t", partition, errorCode: 0 }));
}

describe("the partitions of a send", () => {
  const keys = Array.from({ length: 20 }, (_, index) => `user:${index}`);

  it("are all acknowledged, or named", () => {
    const sent = new SentPartitions();
    const chosen = send(sent, keys);
    expect(chosen.size).toBe(3);
    expect(sent.missingFrom(acknowledged(chosen))).toEqual([]);
    expect(sent.missingFrom(acknowledged([0, 2]))).toEqual([1]);
    expect(sent.missingFrom([])).toHaveLength(3);
  });

  it("are those of the present send only", () => {
    const sent = new SentPartitions();
    send(sent, keys);
    sent.begin();
    const chosen = send(sent, ["user:1"]);
    expect(sent.missingFrom(acknowledged(chosen))).toEqual([]);
    expect(sent.missingFrom([])).toEqual([...chosen]);
  });
});
