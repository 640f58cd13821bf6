import { type DestinationStream, pino } from "pino";
import type { Log, LogFields } from "../core/telemetry.ts";

/**
 * A structured log of JSON lines: level, time (ISO 8601, UTC), event, fields.
 *
 * @param destination standard error unless given.
 */
export function createLog(
  level: "debug" | "info" | "warn" | "error",
  destination: DestinationStream = pino.destination({ dest: 2, sync: true }),
): Log {
  const logger = pino(
    {
      level,
      base: null,
      messageKey: "event",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return {
    debug: (event: string, fields: LogFields = {}) => logger.debug(fields, event),
    info: (event: string, fields: LogFields = {}) => logger.info(fields, event),
    warn: (event: string, fields: LogFields = {}) => logger.warn(fields, event),
    error: (event: string, fields: LogFields = {}) => logger.error(fields, event),
  };
}
