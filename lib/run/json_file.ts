/**
 * Writes a large object as JSON without ever having its text: a plan of ten thousand cells is fifty megabytes of it, and
 * an engine that makes those as strings, again and again as results come in, is as large as what it throws away.
 */
import { replaceWhole } from "./run_folder.ts";

const BUFFER_BYTES = 1 << 16;
/** A character of UTF-16 is at most three bytes of UTF-8. */
const MOST_BYTES = 3;
const INDENT = 2;
const [LINE_END, BLANK, COMMA, COLON] = [0x0a, 0x20, 0x2c, 0x3a];

/** A list whose items are made as they are written, and dropped. */
export class LazyList<T> {
  /** Makes the items. */
  readonly items: () => Iterable<T>;

  constructor(items: () => Iterable<T>) {
    this.items = items;
  }
}

/**
 * Writes what `JSON.stringify(object, null, 2)` gives, and a line end, so that a reader or a crash never sees half of it.
 * Throws what the system throws, and TypeError for what JSON has no form for.
 */
export function writeJsonWhole(path: string, object: object): void {
  replaceWhole(path, (temporary) => {
    using file = Deno.openSync(temporary, { write: true, create: true, truncate: true });
    writeJson(object, (bytes) => {
      for (let from = 0; from < bytes.length;) from += file.writeSync(bytes.subarray(from));
    });
  });
}

/** As `writeJsonWhole`, to wherever `put` takes the bytes; they are valid during the call only. */
export function writeJson(object: object, put: (bytes: Uint8Array) => void): void {
  const writer = new JsonWriter(put);
  writer.value(object, 0);
  writer.end();
}

/** Puts bytes into a buffer of its own, which is used again when it has been written. */
class JsonWriter {
  readonly #put: (bytes: Uint8Array) => void;
  readonly #buffer = new Uint8Array(BUFFER_BYTES);
  readonly #encoder = new TextEncoder();
  /** Keys as they stand in the text: a file has few, and each of them very often. */
  readonly #keys = new Map<string, string>();
  #used = 0;

  constructor(put: (bytes: Uint8Array) => void) {
    this.#put = put;
  }

  end(): void {
    this.#byte(LINE_END);
    this.#flush();
  }

  /** One value at a depth of nesting. */
  value(value: unknown, depth: number): void {
    if (typeof value !== "object" || value === null) {
      this.#text(JSON.stringify(value) ?? "null");
    } else if (Array.isArray(value)) {
      this.#list(value, depth);
    } else if (value instanceof LazyList) {
      this.#list(value.items(), depth);
    } else {
      this.#object(value as Record<string, unknown>, depth);
    }
  }

  #list(items: Iterable<unknown>, depth: number): void {
    let isEmpty = true;
    this.#text("[");
    for (const item of items) {
      if (!isEmpty) this.#byte(COMMA);
      isEmpty = false;
      this.#line(depth + 1);
      this.value(item, depth + 1);
    }
    if (!isEmpty) this.#line(depth);
    this.#text("]");
  }

  #object(object: Readonly<Record<string, unknown>>, depth: number): void {
    let isEmpty = true;
    this.#text("{");
    for (const key in object) {
      const value = object[key];
      if (value === undefined || !Object.hasOwn(object, key)) continue;
      if (!isEmpty) this.#byte(COMMA);
      isEmpty = false;
      this.#line(depth + 1);
      this.#text(this.#quoted(key));
      this.#byte(COLON);
      this.#byte(BLANK);
      this.value(value, depth + 1);
    }
    if (!isEmpty) this.#line(depth);
    this.#text("}");
  }

  #quoted(key: string): string {
    let quoted = this.#keys.get(key);
    if (quoted === undefined) {
      quoted = JSON.stringify(key);
      if (this.#keys.size < 1000) this.#keys.set(key, quoted);
    }
    return quoted;
  }

  #line(depth: number): void {
    this.#reserve(1 + INDENT * depth);
    this.#buffer[this.#used] = LINE_END;
    this.#buffer.fill(BLANK, this.#used + 1, this.#used + 1 + INDENT * depth);
    this.#used += 1 + INDENT * depth;
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#buffer[this.#used] = byte;
    this.#used += 1;
  }

  #text(text: string): void {
    if (text.length * MOST_BYTES > BUFFER_BYTES) {
      this.#flush();
      this.#put(this.#encoder.encode(text));
      return;
    }
    this.#reserve(text.length * MOST_BYTES);
    // Nearly all of it is ASCII, and needs no encoder: that would make an object for every word.
    const from = this.#used;
    for (let at = 0; at < text.length; at += 1) {
      const code = text.charCodeAt(at);
      if (code > 0x7f) {
        const { written } = this.#encoder.encodeInto(text, this.#buffer.subarray(from));
        this.#used = from + written;
        return;
      }
      this.#buffer[from + at] = code;
    }
    this.#used = from + text.length;
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes > BUFFER_BYTES) this.#flush();
  }

  #flush(): void {
    this.#put(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
  }
}
