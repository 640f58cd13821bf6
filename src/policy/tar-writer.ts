const BLOCK = 512;

/**
 * Writes a ustar archive with nothing in it that changes from run to run: no times, no owners,
 * entries in the order given.
 *
 * @param files path → bytes; a path has at most 100 bytes.
 */
export function writeTar(files: ReadonlyMap<string, Uint8Array>): Buffer {
  const blocks: Uint8Array[] = [];
  for (const [path, bytes] of files) {
    blocks.push(header(path, bytes.length), bytes, padding(bytes.length));
  }
  blocks.push(Buffer.alloc(2 * BLOCK));
  return Buffer.concat(blocks);
}

function padding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
}

function header(path: string, sizeBytes: number): Buffer {
  const name = Buffer.from(path, "utf8");
  if (name.length > 100) throw new RangeError(`path of ${name.length} bytes, at most 100`);
  const block = Buffer.alloc(BLOCK);
  name.copy(block, 0);
  block.write("0000644\0", 100, "latin1");
  block.write("0000000\0", 108, "latin1");
  block.write("0000000\0", 116, "latin1");
  block.write(`${sizeBytes.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  block.write("00000000000\0", 136, "latin1");
  block.write("        ", 148, "latin1");
  block.write("0", 156, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
