import { parse } from "yaml";
import { z } from "zod";

const service = z.looseObject({
  image: z.string(),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.coerce.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  tmpfs: z.array(z.string()).default([]),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  read_only: z.boolean().default(false),
  healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
  depends_on: z.record(z.string(), z.looseObject({ condition: z.string() })).default({}),
});

const file = z.looseObject({
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.unknown()),
});

/** A service of the compose file, in the long forms that ours is written in. */
export type ComposeService = z.output<typeof service>;
export type ComposeFile = z.output<typeof file>;

/** @throws ZodError where the file is not as the tests read it. */
export function readCompose(text: string): ComposeFile {
  return file.parse(parse(text));
}

/** @returns a service that must be there. */
export function serviceOf(compose: ComposeFile, name: string): ComposeService {
  const found = compose.services[name];
  if (found === undefined) throw new Error(`the compose file has no service ${name}`);
  return found;
}

/** @returns name and address of each listener, of a list as Kafka writes it. */
export function listenersOf(text: string | undefined): ReadonlyMap<string, string> {
  const pairs = (text ?? "").split(",").map((one): [string, string] => {
    const [name = "", address = ""] = one.split("://");
    return [name, address];
  });
  return new Map(pairs);
}

/** Compose takes `$$` for a dollar. */
export function commandOf({ command }: ComposeService): readonly string[] {
  return command.map((word) => word.replaceAll("$$", "$"));
}
