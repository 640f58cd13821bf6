import { describe, expect, it } from "vitest";
import { readConfig } from "../../src/config/config.ts";
import { stileTopics } from "../../src/kafka/topics.ts";
import { projectText } from "./build-context.ts";
import {
  type ComposeService,
  commandOf,
  listenersOf,
  readCompose,
  serviceOf,
} from "./compose-file.ts";
import { environmentOf, imageOf, lastOf, readDockerfile } from "./dockerfile-reader.ts";

const compose = readCompose(projectText("docker-compose.yml"));
const services = Object.entries(compose.services);
const image = imageOf(readDockerfile(projectText("Dockerfile")));
const stile = serviceOf(compose, "stile");
const kafka = serviceOf(compose, "kafka");
const config = readConfig({ env: { ...environmentOf(image), ...stile.environment } });

/** What every service must be. */
const RULES: readonly (readonly [string, (service: ComposeService) => boolean])[] = [
  ["has no capability", ({ cap_drop }) => cap_drop.includes("ALL")],
  ["gains no privilege", ({ security_opt }) => security_opt.includes("no-new-privileges:true")],
  ["is not privileged", (service) => service["privileged"] === undefined],
  ["adds no capability", (service) => service["cap_add"] === undefined],
  ["keeps the image's user", (service) => service["user"] === undefined],
  ["has a network of its own", (service) => service["network_mode"] === undefined],
  ["sees no process of the host", (service) => service["pid"] === undefined],
  [
    "publishes on the loopback alone",
    ({ ports }) => ports.every((port) => /^127\.0\.0\.1:\d+:\d+$/.test(port)),
  ],
  [
    "mounts only volumes that are declared",
    ({ volumes }) => volumes.every((one) => (one.split(":")[0] ?? "") in compose.volumes),
  ],
  ["pins its image", (service) => /^[a-z/]+:(local|\d+\.\d+\.\d+)$/.test(service.image)],
  [
    "is handed no secret",
    ({ environment }) =>
      Object.keys(environment).every((name) => !/secret|token|passw|_key$/i.test(name)),
  ],
  [
    "waits for services that are there",
    ({ depends_on }) => Object.keys(depends_on).every((name) => name in compose.services),
  ],
];

describe.each(services)("the service %s", (_, service) => {
  it.each(RULES)("%s", (_rule, holds) => {
    expect(holds(service)).toBe(true);
  });
});

describe("the order of the start", () => {
  it("is Kafka, then its topics, then Stile and the consumer", () => {
    const conditions = services.map(([name, { depends_on }]) => [
      name,
      Object.entries(depends_on).map(([other, { condition }]) => `${other} ${condition}`),
    ]);
    expect(Object.fromEntries(conditions)).toEqual({
      kafka: [],
      topics: ["kafka service_healthy"],
      stile: ["topics service_completed_successfully"],
      "audit-topic": ["topics service_completed_successfully"],
    });
  });

  it("has a health check where health is waited for", () => {
    const waited = services.flatMap(([, { depends_on }]) =>
      Object.entries(depends_on)
        .filter(([, { condition }]) => condition === "service_healthy")
        .map(([name]) => name),
    );
    expect(waited).toEqual(["kafka"]);
    for (const name of waited) expect(serviceOf(compose, name).healthcheck).toBeDefined();
  });

  it("does not start again what is to run once", () => {
    expect(serviceOf(compose, "topics")["restart"]).toBe("no");
  });
});

describe("Stile in the compose file", () => {
  it("is built from the Dockerfile beside it", () => {
    expect(stile["build"]).toBe(".");
  });

  it("has a root file system that it cannot write, and a volume for its data", () => {
    expect(stile.read_only).toBe(true);
    expect(stile.tmpfs).toEqual(["/tmp"]);
    expect(stile.volumes.map((volume) => volume.split(":")[1])).toEqual([config.dataDir]);
  });

  it("publishes the ports that the image exposes", () => {
    const published = stile.ports.map((port) => port.split(":")[2]);
    expect(published).toEqual(lastOf(image, "EXPOSE")?.words);
  });

  it("finds the broker where the broker says it is", () => {
    const { environment } = kafka;
    const inner = environment["KAFKA_INTER_BROKER_LISTENER_NAME"] ?? "";
    const advertised = listenersOf(environment["KAFKA_ADVERTISED_LISTENERS"]).get(inner);
    expect(config.kafkaBrokers).toEqual([advertised]);
    expect(advertised?.split(":")[0]).toBe("kafka");
    const port = advertised?.split(":")[1];
    expect(listenersOf(environment["KAFKA_LISTENERS"]).get(inner)).toBe(`:${port}`);
  });

  it("has time for calls under way and for the audit trail when it is stopped", () => {
    expect(stile["stop_grace_period"]).toBe("30s");
  });
});

describe("Kafka in the compose file", () => {
  it("is the version that the tests run against, in every service of its image", () => {
    const version = /^kafka_version=(.+)$/m.exec(projectText("test/real/provision.sh"))?.[1];
    const images = services
      .map(([, service]) => service.image)
      .filter((one) => one !== stile.image);
    expect(new Set(images)).toEqual(new Set([`apache/kafka:${version}`]));
  });

  it("tells callers outside the address that is published for them", () => {
    const host = listenersOf(kafka.environment["KAFKA_ADVERTISED_LISTENERS"]).get("HOST");
    expect(kafka.ports).toEqual([`${host}:${host?.split(":")[1]}`]);
  });

  it("has a cluster id of the form that Kafka takes", () => {
    expect(kafka.environment["CLUSTER_ID"]).toMatch(/^[\w-]{22}$/);
  });

  it("leaves the making of topics to the one service that makes them", () => {
    expect(kafka.environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"]).toBe("false");
    const script = commandOf(serviceOf(compose, "topics")).at(-1) ?? "";
    const created = [...script.matchAll(/^\s*create (\S+)(.*)$/gm)].map(([, topic, rest = ""]) => ({
      topic,
      compacted: rest.includes("cleanup.policy=compact"),
    }));
    const wanted = stileTopics(1, 1).map(({ topic, compacted }) => ({ topic, compacted }));
    expect(created).toEqual(wanted);
  });

  it("shows the audit topic with headers and keys from its beginning", () => {
    const { command } = serviceOf(compose, "audit-topic");
    const [audit] = stileTopics(1, 1);
    expect(command[command.indexOf("--topic") + 1]).toBe(audit?.topic);
    expect(command).toEqual(
      expect.arrayContaining(["--from-beginning", "print.headers=true", "print.key=true"]),
    );
  });
});
