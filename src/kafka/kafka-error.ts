/** The names of Kafka's protocol errors in an error of kafkajs and its causes, outermost first. */
export function protocolErrorsOf(thrown: unknown): readonly string[] {
  const names: string[] = [];
  let current: unknown = thrown;
  for (let depth = 0; depth < 8 && current instanceof Error; depth += 1) {
    if ("type" in current && typeof current.type === "string") names.push(current.type);
    current = current.cause;
  }
  return names;
}

export function isAnyOf(thrown: unknown, names: ReadonlySet<string>): boolean {
  return protocolErrorsOf(thrown).some((name) => names.has(name));
}
