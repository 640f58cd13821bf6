/** One block between BEGIN and END lines. */
export interface PemBlock {
  /** Such as `CERTIFICATE`. */
  readonly type: string;
  readonly bytes: Buffer;
  /** What follows the block's last line. */
  readonly rest: string;
}

const BLOCK =
  /(?:^|\n)-----BEGIN ([^\r\n]*?)-----[ \t]*\r?\n((?:[^\r\n:]+:[^\r\n]*\r?\n)*)([A-Za-z0-9+/=\s]*?)\r?\n?-----END \1-----[ \t]*(?:\r?\n|$)/;

/** @returns the first block of a PEM text (RFC 7468), undefined where there is none. */
export function firstPemBlock(text: string): PemBlock | undefined {
  const match = BLOCK.exec(text);
  if (match === null) return undefined;
  const [whole, type = "", , body = ""] = match;
  return {
    type,
    bytes: Buffer.from(body.replace(/\s/g, ""), "base64"),
    rest: text.slice(match.index + whole.length),
  };
}

/** @returns all blocks, in their order. */
export function pemBlocks(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  for (let block = firstPemBlock(text); block !== undefined; block = firstPemBlock(block.rest)) {
    blocks.push(block);
  }
  return blocks;
}
