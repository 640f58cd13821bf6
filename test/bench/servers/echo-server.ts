import {
  create,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type handleBidiStreamingCall,
  type handleUnaryCall,
  Server,
  ServerCredentials,
} from "@grpc/grpc-js";
import {
  type DecideBatchRequest,
  type DecideBatchResponse,
  type DecideRequest,
  type DecideResponse,
  DecisionService,
  Outcome,
} from "../../../src/wire/messages.ts";

// The floor: grpc-js and protobuf-es with Stile's messages and nothing in between. It reads each
// request whole and answers the same decision each time. It shares no code with `src/grpc`, so
// that what makes Stile faster or slower does not move the floor.

const { decide, decideBatch, decideStream } = DecisionService.method;

const fixed = create(decide.output, {
  outcome: Outcome.ALLOW,
  reasons: [
    {
      code: "permitted",
      message: "Nothing speaks against a production deploy by a senior engineer.",
    },
  ],
  decisionId: "3f0c8a52-6d0e-4f0b-9a54-0d2f7f6f3c11",
  policy: { name: "default", revision: "sre-1", digest: `sha256:${"5e".repeat(32)}` },
  cost: 4_321n,
  receipt: { instance: "n-0123456789ab", sequence: 123_456n, hash: Buffer.alloc(32, 0x5e) },
});

function answerTo(request: DecideRequest): DecideResponse {
  return { ...fixed, requestId: request.requestId };
}

const echo: handleUnaryCall<DecideRequest, DecideResponse> = (call, callback) =>
  callback(null, answerTo(call.request));

const echoBatch: handleUnaryCall<DecideBatchRequest, DecideBatchResponse> = (call, callback) => {
  const responses = call.request.requests.map(answerTo);
  callback(null, { $typeName: "stile.v1.DecideBatchResponse", responses });
};

const echoStream: handleBidiStreamingCall<DecideRequest, DecideResponse> = (call) => {
  call.on("data", (request: DecideRequest) => call.write(answerTo(request)));
  call.on("end", () => call.end());
};

interface Method<I extends DescMessage, O extends DescMessage> {
  readonly name: string;
  readonly input: I;
  readonly output: O;
}

function definitionOf<I extends DescMessage, O extends DescMessage>(
  method: Method<I, O>,
  isStream: boolean,
) {
  const { input, output } = method;
  return {
    path: `/${DecisionService.typeName}/${method.name}`,
    requestStream: isStream,
    responseStream: isStream,
    requestSerialize: (message: MessageShape<I>) => Buffer.from(toBinary(input, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary(input, bytes),
    responseSerialize: (message: MessageShape<O>) => {
      const bytes = toBinary(output, message);
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    responseDeserialize: (bytes: Buffer) => fromBinary(output, bytes),
  };
}

const server = new Server();
server.addService(
  {
    decide: definitionOf(decide, false),
    decideBatch: definitionOf(decideBatch, false),
    decideStream: definitionOf(decideStream, true),
  },
  { decide: echo, decideBatch: echoBatch, decideStream: echoStream },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`serving on 127.0.0.1:${port}\n`);
});
process.once("SIGTERM", () => server.forceShutdown());
