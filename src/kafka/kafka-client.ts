import { Kafka, type logCreator, logLevel } from "kafkajs";
import { unreachable } from "../core/errors.ts";
import type { Log } from "../core/telemetry.ts";
import { RateLimitedLog } from "./rate-limited-log.ts";

/** Where the brokers are and how they know us. */
export interface KafkaConnection {
  /** `host:port` each; at least one. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** TLS with the system's trusted authorities, or with these (PEM). */
  readonly tls?: { readonly ca?: string };
  readonly sasl?: {
    readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
    readonly username: string;
    readonly password: string;
  };
  /** How long the brokers may take for an answer. */
  readonly requestTimeoutMs?: number;
}

export const REQUEST_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 3000;

/**
 * A client of kafkajs. Its own retries are few and short: those who use it try again by
 * themselves, for as long as it takes.
 */
export function createKafkaClient(connection: KafkaConnection, log: Log): Kafka {
  const { brokers, clientId, tls, sasl } = connection;
  return new Kafka({
    brokers: [...brokers],
    clientId,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    authenticationTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: connection.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    enforceRequestTimeout: true,
    retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 1000 },
    logLevel: logLevel.ERROR,
    logCreator: toOurLog(log),
    ...(tls === undefined ? {} : { ssl: tls.ca === undefined ? true : { ca: tls.ca } }),
    ...(sasl === undefined ? {} : { sasl: saslOf(sasl) }),
  });
}

type Sasl = NonNullable<KafkaConnection["sasl"]>;

/** kafkajs types each mechanism apart. */
function saslOf({ mechanism, username, password }: Sasl) {
  switch (mechanism) {
    case "plain":
      return { mechanism, username, password } as const;
    case "scram-sha-256":
      return { mechanism, username, password } as const;
    case "scram-sha-512":
      return { mechanism, username, password } as const;
    default:
      return unreachable(mechanism);
  }
}

/** Without its brokers kafkajs writes up to a hundred lines a second. */
function toOurLog(log: Log): logCreator {
  const limited = new RateLimitedLog(log);
  return () =>
    ({ namespace, log: { message } }) => {
      limited.warn("kafka_client_error", { namespace, message });
    };
}
