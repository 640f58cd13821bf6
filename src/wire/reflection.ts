import { create, type DescFile, type DescService, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { file_google_rpc_error_details } from "./gen/google/rpc/error_details_pb.ts";
import {
  ErrorResponseSchema,
  FileDescriptorResponseSchema,
  ListServiceResponseSchema,
  type ServerReflection,
  ServerReflectionResponseSchema,
} from "./gen/grpc/reflection/v1/reflection_pb.ts";
import type { InputOf, OutputOf } from "./methods.ts";

export type ReflectionRequest = InputOf<typeof ServerReflection, "serverReflectionInfo">;
export type ReflectionResponse = OutputOf<typeof ServerReflection, "serverReflectionInfo">;
type MessageResponse = ReflectionResponse["messageResponse"];

const NOT_FOUND = 5;
const UNIMPLEMENTED = 12;

/**
 * Answers the gRPC server reflection protocol, v1, over the descriptors of the services given.
 *
 * @returns a function from one request to its response.
 */
export function createReflection(
  services: readonly DescService[],
): (request: ReflectionRequest) => ReflectionResponse {
  const files = new Map<string, DescFile>();
  for (const service of services) collectFiles(service.file, files);
  // Errors carry these in google.protobuf.Any, so no file imports them.
  collectFiles(file_google_rpc_error_details, files);
  const fileOfSymbol = new Map<string, DescFile>();
  for (const file of files.values()) indexSymbols(file, fileOfSymbol);
  const withDependencies = (file: DescFile): MessageResponse => {
    const reached = new Map<string, DescFile>();
    collectFiles(file, reached);
    const fileDescriptorProto = [...reached.values()].map((one) =>
      toBinary(FileDescriptorProtoSchema, one.proto),
    );
    const value = create(FileDescriptorResponseSchema, { fileDescriptorProto });
    return { case: "fileDescriptorResponse", value };
  };
  const answer = (request: ReflectionRequest): MessageResponse => {
    const asked = request.messageRequest;
    switch (asked.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: create(ListServiceResponseSchema, {
            service: services.map(({ typeName }) => ({ name: typeName })),
          }),
        };
      case "fileByFilename": {
        const file = files.get(asked.value);
        return file === undefined
          ? failed(NOT_FOUND, `no file ${asked.value}`)
          : withDependencies(file);
      }
      case "fileContainingSymbol": {
        const file = fileOfSymbol.get(asked.value);
        return file === undefined
          ? failed(NOT_FOUND, `no symbol ${asked.value}`)
          : withDependencies(file);
      }
      case "fileContainingExtension":
      case "allExtensionNumbersOfType":
        return failed(NOT_FOUND, "no extensions are defined");
      case undefined:
        return failed(UNIMPLEMENTED, "unknown reflection request");
      default:
        return failed(UNIMPLEMENTED, "unknown reflection request");
    }
  };
  return (request) =>
    create(ServerReflectionResponseSchema, {
      validHost: request.host,
      originalRequest: request,
      messageResponse: answer(request),
    });
}

function failed(errorCode: number, errorMessage: string): MessageResponse {
  return { case: "errorResponse", value: create(ErrorResponseSchema, { errorCode, errorMessage }) };
}

function collectFiles(file: DescFile, into: Map<string, DescFile>): void {
  const name = file.proto.name;
  if (into.has(name)) return;
  into.set(name, file);
  for (const dependency of file.dependencies) collectFiles(dependency, into);
}

function indexSymbols(file: DescFile, into: Map<string, DescFile>): void {
  for (const service of file.services) {
    into.set(service.typeName, file);
    for (const method of service.methods) into.set(`${service.typeName}.${method.name}`, file);
  }
  const messages = [...file.messages];
  for (let message = messages.pop(); message !== undefined; message = messages.pop()) {
    into.set(message.typeName, file);
    messages.push(...message.nestedMessages);
    for (const nested of message.nestedEnums) into.set(nested.typeName, file);
  }
  for (const top of file.enums) into.set(top.typeName, file);
}
