/** What a child prints: to a log file, to a bounded tail in memory, and line by line to a listener. */

/** Bytes of the end of the output that are kept in memory. */
const TAIL_BYTES = 16 * 1024;
/** A longer line is handed over in pieces of this many characters. */
const LINE_CHARACTERS = 8 * 1024;

/** A log that is longer is cut: a worker that prints in a loop must not fill the disk. Its end is kept all the same. */
export const LOG_BYTES = 64 * 1024 * 1024;

/**
 * The log file, opened for appending. A disk that fills up is noted; it must not stop the draining of the pipe. Beyond
 * the limit only the last bytes are kept, in memory, and written at the end.
 */
export class OutputLog {
  #file: Deno.FsFile | undefined;
  #error: string | null = null;
  #room: number;
  #leftOut = 0;
  readonly #tail: OutputTail;

  /** `tail` is fed by the caller and has the end of what is written here. */
  constructor(path: string, tail: OutputTail, limitBytes = LOG_BYTES) {
    this.#tail = tail;
    this.#room = limitBytes;
    try {
      this.#file = Deno.openSync(path, { append: true, create: true });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The first thing that went wrong, in the system's words. */
  get error(): string | null {
    return this.#error;
  }

  /** Appends bytes; after an error it does nothing. */
  write(bytes: Uint8Array): void {
    const fitting = bytes.subarray(0, this.#room);
    this.#room -= fitting.length;
    this.#leftOut += bytes.length - fitting.length;
    this.#append(fitting);
  }

  close(): void {
    if (this.#leftOut > 0) {
      const note = `\n[${this.#leftOut} bytes follow; the log keeps the last of them]\n`;
      this.#append(new TextEncoder().encode(note + this.#tail.text));
    }
    this.#file?.close();
    this.#file = undefined;
  }

  #append(bytes: Uint8Array): void {
    try {
      for (let from = 0; this.#file !== undefined && from < bytes.length;) {
        from += this.#file.writeSync(bytes.subarray(from));
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#error = error instanceof Error ? error.message : String(error);
    this.#file?.close();
    this.#file = undefined;
  }
}

/** The last bytes of a stream, as text. */
export class OutputTail {
  #bytes = new Uint8Array(0);
  #cut = false;

  append(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.#bytes.length + bytes.length);
    joined.set(this.#bytes);
    joined.set(bytes, this.#bytes.length);
    this.#cut ||= joined.length > TAIL_BYTES;
    this.#bytes = joined.slice(-TAIL_BYTES);
  }

  /** Forgets what came so far: it belongs to something that is over. */
  clear(): void {
    this.#bytes = new Uint8Array(0);
    this.#cut = true;
  }

  get text(): string {
    let start = 0;
    // The cut may have fallen inside a character of several bytes: leave its rest out.
    while (this.#cut && start < 3 && ((this.#bytes[start] ?? 0) & 0xc0) === 0x80) start++;
    return new TextDecoder().decode(this.#bytes.subarray(start));
  }
}

/** Cuts a stream of bytes into lines; a carriage return ends one too, because progress bars use it so. */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  readonly #onLine: (line: string) => void;
  #rest = "";

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(bytes: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split(/\r?\n|\r/);
    this.#rest = lines.pop() ?? "";
    lines.forEach((line) => this.#emit(line));
    while (this.#rest.length >= LINE_CHARACTERS) {
      this.#onLine(this.#rest.slice(0, LINE_CHARACTERS));
      this.#rest = this.#rest.slice(LINE_CHARACTERS);
    }
  }

  /** Hands over a last line that has no end. */
  finish(): void {
    this.#emit(this.#rest + this.#decoder.decode());
    this.#rest = "";
  }

  /** Empty lines say nothing. */
  #emit(line: string): void {
    for (let from = 0; from < line.length; from += LINE_CHARACTERS) {
      this.#onLine(line.slice(from, from + LINE_CHARACTERS));
    }
  }
}
