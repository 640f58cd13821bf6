import type { IncomingMessage } from "node:http";
import { StileError } from "../core/errors.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import { HttpRefusal } from "./status.ts";

export const BODY_BYTES_MAX = 1_048_576;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** A body that was read: the object, and its text, in which numbers have all their digits. */
export interface JsonBody {
  readonly value: JsonObject;
  readonly text: string;
}

/**
 * Reads a body to its end and parses it, once.
 *
 * @throws HttpRefusal 413 when it is larger than 1 MiB, as soon as that is known.
 * @throws StileError `invalid_request` when it is not the UTF-8 text of one JSON object.
 */
export async function readJsonBody(incoming: IncomingMessage): Promise<JsonBody> {
  const text = textOf(await readBytes(incoming));
  if (text.trim() === "") throw invalid("the body is empty; send one JSON object");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "unreadable";
    throw invalid(`the body is not valid JSON (${why}); send one JSON object`);
  }
  if (!isJsonObject(value)) throw invalid("the body is not a JSON object; send one JSON object");
  return { value, text };
}

function readBytes(incoming: IncomingMessage): Promise<Buffer> {
  if (Number(incoming.headers["content-length"] ?? 0) > BODY_BYTES_MAX) throw tooLarge();
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) settle(() => reject(tooLarge()));
      else chunks.push(chunk);
    };
    const onEnd = (): void => settle(() => resolve(bufferOf(chunks)));
    const onClose = (): void =>
      settle(() => reject(invalid("the caller left before the end of the body")));
    const settle = (how: () => void): void => {
      incoming.off("data", onData);
      incoming.off("end", onEnd);
      incoming.off("close", onClose);
      incoming.off("error", onClose);
      how();
    };
    incoming.on("data", onData);
    incoming.on("end", onEnd);
    incoming.on("close", onClose);
    incoming.on("error", onClose);
  });
}

function bufferOf(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}

function textOf(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw invalid("the body is not valid UTF-8; send one JSON object");
  }
}

function tooLarge(): HttpRefusal {
  const message = `the body is larger than ${BODY_BYTES_MAX} bytes; ask in smaller parts`;
  return new HttpRefusal(413, "body_too_large", message);
}

function invalid(message: string): StileError {
  return new StileError("invalid_request", message);
}
