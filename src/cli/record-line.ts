import { isJsonObject, type JsonObject } from "../core/json.ts";
import { plain, type Terminal } from "./terminal.ts";

/** @returns one line for a person: when, what, who, and the first ground. */
export function recordLine(text: string, terminal: Terminal): string {
  const record: unknown = JSON.parse(text);
  if (!isJsonObject(record)) return plain(text);
  const time = terminal.style("dim", textAt(record, "time"));
  const subject = textAt(record, "subject");
  if (record["type"] !== "stile.decision.v1") {
    const event = textAt(record, "event");
    const kind = textAt(record, "type").replace(/^stile\.|\.v1$/g, "");
    return `${time}  ${plain(`${kind} ${event}`).padEnd(18)} ${plain(subject)}`;
  }
  const outcome = textAt(record, "outcome");
  const colour = outcome === "allow" ? "green" : outcome === "deny" ? "red" : "yellow";
  const shown = terminal.style(colour, outcome.padEnd(7));
  const { action, resource } = objectAt(record, "input");
  const what = `${textAt(action, "name")} on ${textAt(resource, "type")}:${textAt(resource, "id")}`;
  return `${time}  ${shown} ${plain(subject)}  ${plain(what)}  ${terminal.style("dim", plain(firstReason(record)))}`;
}

function firstReason(record: JsonObject): string {
  const reasons = record["reasons"];
  const first: unknown = Array.isArray(reasons) ? reasons[0] : undefined;
  return textAt(first, "message");
}

function objectAt(record: JsonObject, key: string): JsonObject {
  const value = record[key];
  return isJsonObject(value) ? value : {};
}

function textAt(value: unknown, key: string): string {
  const found = isJsonObject(value) ? value[key] : undefined;
  return typeof found === "string" ? found : "";
}
