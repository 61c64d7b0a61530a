import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { FormatError } from '../errors.js';

/** Opens a regular file, hands it to `use` with its size, and closes it. Folders, pipes and devices are refused without waiting for them. */
export async function withFile<T>(op: string, path: string, use: (file: FileHandle, bytes: number) => Promise<T>): Promise<T> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new FormatError(op, `${path} is not a regular file`);
    return await use(file, stat.size);
  } finally {
    await file.close();
  }
}

const chunkBytes = 1 << 26;

/** Bytes [position, position + count) in memory of their own. Throws FormatError when the file has become shorter. */
export async function readBytes(op: string, file: FileHandle, position: number, count: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count;) {
    const { bytesRead } = await file.read(bytes, at, Math.min(chunkBytes, count - at), position + at);
    if (bytesRead === 0) throw new FormatError(op, `the file ended at byte ${position + at} while it was being read`);
    at += bytesRead;
  }
  return bytes;
}
