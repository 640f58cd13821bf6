import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { asError } from "../core/errors.ts";

/** A message that could not be read; a door answers it with INVALID_ARGUMENT. */
export class Unreadable {
  readonly cause: Error;

  constructor(cause: Error) {
    this.cause = cause;
  }
}

/** A service as described by generated code. */
export type WireService = DescService;

type Methods<S extends DescService> = S["method"];
export type MethodName<S extends DescService> = keyof Methods<S> & string;
export type InputOf<S extends DescService, K extends MethodName<S>> = MessageShape<
  Methods<S>[K]["input"]
>;
export type OutputOf<S extends DescService, K extends MethodName<S>> = MessageShape<
  Methods<S>[K]["output"]
>;
/** What may be given for an output: a message, or the plain fields of one. */
export type OutputInitOf<S extends DescService, K extends MethodName<S>> = MessageInitShape<
  Methods<S>[K]["output"]
>;
export type InputInitOf<S extends DescService, K extends MethodName<S>> = MessageInitShape<
  Methods<S>[K]["input"]
>;
export type KindOf<S extends DescService, K extends MethodName<S>> = Methods<S>[K]["methodKind"];

/** One RPC as a transport needs it: a path, two directions, four codecs. */
export interface WireMethod {
  readonly name: string;
  /** `/stile.v1.DecisionService/Decide` */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** Never throws: what cannot be read comes back as Unreadable. */
  readonly requestFromBytes: (bytes: Uint8Array) => unknown;
  readonly requestToBytes: (init: MessageInitShape<DescMessage>) => Buffer;
  readonly responseToBytes: (init: MessageInitShape<DescMessage>) => Buffer;
  /** @throws Error when the bytes are no such message. */
  readonly responseFromBytes: (bytes: Uint8Array) => unknown;
}

/** @returns the methods of a service, keyed by their name in TypeScript (`decideBatch`). */
export function methodsOf(service: DescService): ReadonlyMap<string, WireMethod> {
  return new Map(service.methods.map((method) => [method.localName, wireMethod(service, method)]));
}

function wireMethod(service: DescService, method: DescMethod): WireMethod {
  const { input, output } = method;
  return {
    name: method.name,
    path: `/${service.typeName}/${method.name}`,
    requestStream:
      method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream:
      method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    requestFromBytes: (bytes) => {
      try {
        return fromBinary(input, bytes);
      } catch (thrown) {
        return new Unreadable(asError(thrown));
      }
    },
    requestToBytes: (init) => bufferOf(toBinary(input, create(input, init))),
    responseToBytes: (init) => bufferOf(toBinary(output, create(output, init))),
    responseFromBytes: (bytes) => fromBinary(output, bytes),
  };
}

/** One RPC as a client needs it, typed by its messages. */
export interface ClientMethod<S extends WireService, K extends MethodName<S>> {
  readonly path: string;
  readonly requestToBytes: (init: InputInitOf<S, K>) => Buffer;
  /** @throws Error when the bytes are no such message. */
  readonly responseFromBytes: (bytes: Uint8Array) => OutputOf<S, K>;
}

/** @returns the codecs of one method. */
export function clientMethodOf<S extends WireService, K extends MethodName<S>>(
  service: S,
  name: K,
): ClientMethod<S, K> {
  const methods: Methods<S> = service.method;
  const method: Methods<S>[K] = methods[name];
  const input: Methods<S>[K]["input"] = method.input;
  const output: Methods<S>[K]["output"] = method.output;
  return {
    path: `/${service.typeName}/${method.name}`,
    requestToBytes: (init) => bufferOf(toBinary(input, create(input, init))),
    responseFromBytes: (bytes) => fromBinary(output, bytes),
  };
}

/** A Buffer over the same bytes, for transports that insist on one. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
