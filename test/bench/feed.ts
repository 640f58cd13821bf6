import { fromJson } from "@bufbuild/protobuf";
import { timestampFromMs, ValueSchema } from "@bufbuild/protobuf/wkt";
import { Connection } from "../../src/client/connection.ts";
import { FeatureService } from "../../src/wire/messages.ts";
import { structFromJson } from "../../src/wire/struct.ts";
import { signalsAt, updatesAt } from "./inputs.ts";

/** Tells a server what happened before the mix. Once is enough. */
export async function feedSignals(address: string): Promise<void> {
  const signals = signalsAt(Date.now()).map(({ id, source, type, timeMs, subject, data }) => ({
    id,
    source,
    type,
    subject,
    time: timestampFromMs(timeMs),
    data: structFromJson(data),
  }));
  await withConnection(address, (connection) =>
    connection.clientStream(FeatureService, "observe", [{ signals }]),
  );
}

/** Gives a server the values that the mix reads, fresh as of now. */
export async function feedFeatures(address: string): Promise<void> {
  const updates = updatesAt(Date.now()).map(({ entity, id, name, value, eventTimeMs }) => ({
    entity,
    id,
    name,
    value: fromJson(ValueSchema, typeof value === "object" ? null : value),
    eventTime: timestampFromMs(eventTimeMs),
  }));
  await withConnection(address, (connection) =>
    connection.clientStream(FeatureService, "putFeatures", [{ updates }]),
  );
}

async function withConnection(
  address: string,
  use: (connection: Connection) => Promise<unknown>,
): Promise<void> {
  const connection = new Connection(address);
  try {
    await use(connection);
  } finally {
    connection.close();
  }
}
