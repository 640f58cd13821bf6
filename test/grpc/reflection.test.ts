import { describe, expect, it } from "vitest";
import { reflectionHandlers } from "../../src/grpc/reflection-service.ts";
import { bindService } from "../../src/grpc/server.ts";
import { DecisionService, ServerReflection } from "../../src/wire/messages.ts";
import { serveForTest } from "./grpc-fixture.ts";

type Asked =
  | {
      readonly case: "listServices" | "fileByFilename" | "fileContainingSymbol";
      readonly value: string;
    }
  | { readonly case: undefined };

describe("reflection", () => {
  const ask = async (asked: Asked) => {
    const handlers = reflectionHandlers([DecisionService, ServerReflection]);
    const { connection } = await serveForTest(bindService(ServerReflection, handlers));
    const stream = connection.duplex(ServerReflection, "serverReflectionInfo");
    await stream.send({ host: "here", messageRequest: asked });
    stream.end();
    for await (const { messageResponse } of stream.messages) return messageResponse;
    throw new Error("no answer");
  };

  it("lists the services that it was given", async () => {
    const { case: kind, value } = await ask({ case: "listServices", value: "" });
    expect(kind).toBe("listServicesResponse");
    expect(JSON.stringify(value)).toContain("stile.v1.DecisionService");
  });

  it.each([
    "stile.v1.DecisionService",
    "stile.v1.DecisionService.Decide",
    "stile.v1.DecideRequest",
    "stile.v1.Outcome",
    "google.protobuf.Struct",
    "google.rpc.ErrorInfo",
  ])("gives the files behind %s, each once and with what it imports", async (symbol) => {
    const answer = await ask({ case: "fileContainingSymbol", value: symbol });
    if (answer.case !== "fileDescriptorResponse") throw new Error(`the answer is ${answer.case}`);
    const files = answer.value.fileDescriptorProto.map((bytes) =>
      Buffer.from(bytes).toString("hex"),
    );
    expect(files.length).toBeGreaterThan(0);
    expect(new Set(files).size).toBe(files.length);
  });

  it.each([
    ["an unknown symbol", { case: "fileContainingSymbol", value: "stile.v1.Nothing" }, 5],
    ["an unknown file", { case: "fileByFilename", value: "nothing.proto" }, 5],
    ["nothing", { case: undefined }, 12],
  ] as const)("answers %s by an error, and goes on", async (_, asked, code) => {
    const answer = await ask(asked);
    if (answer.case !== "errorResponse") throw new Error(`the answer is ${answer.case}`);
    expect(answer.value.errorCode).toBe(code);
  });
});
