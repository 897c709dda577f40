/** Copies the parts of tensors from the files of a checkpoint into those of the ranks, piece by piece. */
import type { ShardGroup, ShardTensor } from "./layout.ts";

/** What is in memory at one time. */
const PIECE_BYTES = 16 * 2 ** 20;

/** An open file with the place of its data. */
export interface SourceFile {
  readonly file: Deno.FsFile;
  /** Bytes before the first tensor. */
  readonly headBytes: number;
}

/**
 * Writes the tensors of a group behind the headers of its files, which are open in the order of the ranks.
 *
 * @param openSource Gives the open file of a checkpoint's tensor.
 * @param signal Looked at between two tensors; an abort throws its reason.
 */
export async function copyGroup(
  { tensors, files }: ShardGroup,
  targets: readonly Deno.FsFile[],
  openSource: (name: string) => SourceFile,
  signal?: AbortSignal,
): Promise<void> {
  for (const [rank, { header }] of files.entries()) writeAll(targets[rank], header);
  for (const tensor of tensors) {
    await new Promise((resolve) => setTimeout(resolve, 0)); // lets signals in
    signal?.throwIfAborted();
    const source = openSource(tensor.source.file);
    source.file.seekSync(source.headBytes + tensor.source.begin, Deno.SeekMode.Start);
    if (tensor.parts?.dimension === 1) copyColumns(tensor, source.file, targets);
    else copyRows(tensor, source.file, targets);
  }
}

/** Rows of one rank are one piece of the file; what is not cut goes to all. */
function copyRows(
  { source, parts }: ShardTensor,
  file: Deno.FsFile,
  targets: readonly Deno.FsFile[],
): void {
  if (parts === undefined) {
    copyBytes(file, source.bytes, targets);
    return;
  }
  const rowBytes = source.bytes / (source.shape[0] ?? 1);
  for (const [rank, size] of parts.sizes.entries()) {
    copyBytes(file, size * rowBytes, targets.slice(rank, rank + 1));
  }
}

function copyBytes(file: Deno.FsFile, bytes: number, targets: readonly Deno.FsFile[]): void {
  const buffer = new Uint8Array(Math.min(PIECE_BYTES, bytes));
  for (let left = bytes; left > 0; left -= buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, left));
    readAll(file, piece);
    for (const target of targets) writeAll(target, piece);
  }
}

/** Rows are read whole, some at a time, and each rank gets its columns of them. */
function copyColumns(
  { source, parts }: ShardTensor,
  file: Deno.FsFile,
  targets: readonly Deno.FsFile[],
): void {
  const [rows = 0, columns = 1] = source.shape;
  if (parts === undefined || source.bytes === 0) return;
  const rowBytes = source.bytes / rows;
  const most = Math.max(1, Math.floor(PIECE_BYTES / rowBytes));
  const buffer = new Uint8Array(Math.min(most, rows) * rowBytes);
  for (let row = 0; row < rows; row += most) {
    const count = Math.min(most, rows - row);
    readAll(file, buffer.subarray(0, count * rowBytes));
    let begin = 0;
    for (const [rank, size] of parts.sizes.entries()) {
      const bytes = size * rowBytes / columns;
      const kept = new Uint8Array(count * bytes);
      for (let index = 0; index < count; index++) {
        const start = index * rowBytes + begin;
        kept.set(buffer.subarray(start, start + bytes), index * bytes);
      }
      writeAll(targets[rank], kept);
      begin += bytes;
    }
  }
}

function readAll(file: Deno.FsFile, buffer: Uint8Array): void {
  for (let filled = 0; filled < buffer.length;) {
    const read = file.readSync(buffer.subarray(filled));
    if (read === null) throw new Error("the file ended before its last tensor: it has changed");
    filled += read;
  }
}

function writeAll(file: Deno.FsFile | undefined, bytes: Uint8Array): void {
  if (file === undefined) throw new Error("a rank has no open file");
  for (let written = 0; written < bytes.length;) {
    written += file.writeSync(bytes.subarray(written));
  }
}
