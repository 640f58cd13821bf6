import { type ICustomPartitioner, Partitioners, type RecordMetadata } from "kafkajs";

/**
 * Remembers to which partitions a send goes, and compares them with the acknowledged ones. When
 * one of several brokers has answered and another one's partitions move to it before the retry,
 * kafkajs takes them for answered too, and reports a success for what it never sent.
 */
export class SentPartitions {
  readonly #sent = new Set<number>();

  /** The Java client's choice by key. */
  readonly partitioner: ICustomPartitioner = () => {
    const choose = Partitioners.DefaultPartitioner();
    return (message) => {
      const partition = choose(message);
      this.#sent.add(partition);
      return partition;
    };
  };

  /** A new send begins. */
  begin(): void {
    this.#sent.clear();
  }

  /** @returns the partitions of this send that no broker has acknowledged. */
  missingFrom(acknowledged: readonly RecordMetadata[]): readonly number[] {
    const there = new Set(acknowledged.map(({ partition }) => partition));
    return [...this.#sent].filter((partition) => !there.has(partition));
  }
}
