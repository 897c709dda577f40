/** Reads the events of a session's ranks while they are written. */
import { join } from "node:path";
import type { WorkerEvent } from "./protocol.ts";

/** One rank's file and how far it has been read. */
interface Follower {
  offset: number;
  rest: string;
  readonly decoder: TextDecoder;
}

/** More than this is read at the next call: a worker that floods its file must not fill the engine. */
const CHUNK_BYTES = 1 << 20;

/** Follows `events/rank-<N>.jsonl` of a session's folder. Lines that are not events are left out. */
export class EventReader {
  /** Where the files are. */
  readonly folder: string;
  readonly #followers: Follower[];
  /** Used again at every call: a new one each time would be a hundred megabytes a minute. */
  readonly #buffer = new Uint8Array(CHUNK_BYTES);

  constructor(sessionFolder: string, worldSize: number) {
    this.folder = join(sessionFolder, "events");
    this.#followers = Array.from(
      { length: worldSize },
      () => ({ offset: 0, rest: "", decoder: new TextDecoder() }),
    );
  }

  /** The events since the last call, rank by rank. */
  read(): WorkerEvent[] {
    return this.#followers.flatMap((follower, rank) => this.#readRank(follower, rank));
  }

  #readRank(follower: Follower, rank: number): WorkerEvent[] {
    const bytes = readFrom(join(this.folder, `rank-${rank}.jsonl`), follower.offset, this.#buffer);
    follower.offset += bytes.length;
    const lines = (follower.rest + follower.decoder.decode(bytes, { stream: true })).split("\n");
    follower.rest = lines.pop() ?? "";
    return lines.flatMap((line) => {
      const event = parseEvent(line);
      return event?.rank === rank ? [event] : [];
    });
  }
}

function readFrom(path: string, offset: number, buffer: Uint8Array): Uint8Array {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array(); // the rank has not started
    throw error;
  }
  using opened = file;
  opened.seekSync(offset, Deno.SeekMode.Start);
  return buffer.subarray(0, opened.readSync(buffer) ?? 0);
}

/** A worker is our own code, so only its outline is checked: a line may still be torn by a full disk. */
function parseEvent(line: string): WorkerEvent | null {
  try {
    const value = JSON.parse(line);
    const isEvent = typeof value?.event === "string" && typeof value?.rank === "number";
    return isEvent ? value as WorkerEvent : null;
  } catch {
    return null;
  }
}
