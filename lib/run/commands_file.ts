/** What the engine asks of the workers of a session, appended to a file that every rank follows. */
import { join } from "node:path";
import type { WorkerCommand } from "./protocol.ts";

/** Name of the file in a session's folder. */
export const COMMANDS_FILE = "commands.jsonl";

/** Appends commands, each a whole line. */
export class CommandWriter {
  readonly #file: Deno.FsFile;

  /** Makes the file, empty: workers may look at it from their start on. */
  constructor(sessionFolder: string) {
    this.#file = Deno.openSync(join(sessionFolder, COMMANDS_FILE), {
      write: true,
      create: true,
      truncate: true,
    });
  }

  /** Throws what the system throws, such as a full disk. */
  send(command: WorkerCommand): void {
    const bytes = new TextEncoder().encode(JSON.stringify(command) + "\n");
    for (let from = 0; from < bytes.length;) from += this.#file.writeSync(bytes.subarray(from));
  }

  close(): void {
    this.#file.close();
  }
}
