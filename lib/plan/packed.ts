/**
 * Keeps many values that look alike in little memory: the outline of each kind of them once, every text once, and all numbers
 * in one array outside of the heap. A prediction is five kilobytes of small objects, and a run holds ten thousand of them for
 * a night to look at each a few times; packed it is its seventy numbers.
 */

/** How a value is put together again from its numbers; texts are numbers too, their places in the list. */
type Outline =
  | { readonly kind: "number" | "text" }
  | { readonly kind: "constant"; readonly value: null | boolean | undefined }
  | { readonly kind: "list"; readonly items: readonly Outline[] }
  | { readonly kind: "object"; readonly keys: readonly string[]; readonly values: Outline[] };

/** Values like those of JSON, by the place that `add` has given them. What comes out is equal to what was put in. */
export class PackedValues<T> {
  readonly #outlines: Outline[] = [];
  readonly #outlineOf = new Map<string, number>();
  readonly #texts: string[] = [];
  readonly #textOf = new Map<string, number>();
  readonly #numbers = new Numbers();
  /** By place: the outline and the first number. */
  readonly #places = new Numbers();
  /** The outline of the last value: that of the next one is most often the same. */
  #last = -1;
  /** Whoever looks at a value does so several times in a row. */
  #made: { readonly place: number; readonly value: T } | null = null;

  /** Packs a value. @returns Its place. */
  add(value: T): number {
    const start = this.#numbers.length;
    const last = this.#outlines[this.#last];
    if (last === undefined || !this.#put(value, last)) {
      this.#numbers.length = start;
      const outline = outlineOf(value);
      const key = JSON.stringify(outline, undefinedToo);
      this.#last = this.#outlineOf.get(key) ?? this.#outlines.push(outline) - 1;
      this.#outlineOf.set(key, this.#last);
      this.#put(value, outline);
    }
    this.#places.append(this.#last);
    this.#places.append(start);
    return this.#places.length / 2 - 1;
  }

  /** Makes the value anew, unless it is the one that was made last. */
  get(place: number): T {
    if (this.#made?.place === place) return this.#made.value;
    const outline = this.#outlines[this.#places.get(2 * place)];
    if (outline === undefined) throw new RangeError(`No value ${place}`);
    const cursor = { at: this.#places.get(2 * place + 1) };
    const value = this.#unpack(outline, cursor) as T;
    this.#made = { place, value };
    return value;
  }

  /** Puts the numbers of a value down, as long as it has this outline. @returns Whether it has. */
  #put(value: unknown, outline: Outline): boolean {
    switch (outline.kind) {
      case "number":
        if (typeof value !== "number") return false;
        this.#numbers.append(value);
        return true;
      case "text":
        if (typeof value !== "string") return false;
        this.#numbers.append(this.#placeOf(value));
        return true;
      case "constant":
        return value === outline.value;
      case "list": {
        const { items } = outline;
        return Array.isArray(value) && value.length === items.length &&
          items.every((item, index) => this.#put(value[index], item));
      }
      case "object":
        return this.#putObject(value, outline);
    }
  }

  #putObject(value: unknown, { keys, values }: Extract<Outline, { kind: "object" }>): boolean {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
    let index = 0;
    for (const key in value) {
      const item = values[index];
      if (item === undefined || keys[index] !== key) return false;
      if (!this.#put(Reflect.get(value, key), item)) return false;
      index += 1;
    }
    return index === keys.length;
  }

  #unpack(outline: Outline, cursor: { at: number }): unknown {
    switch (outline.kind) {
      case "number":
        return this.#numbers.get(cursor.at++);
      case "text":
        return this.#texts[this.#numbers.get(cursor.at++)];
      case "constant":
        return outline.value;
      case "list":
        return outline.items.map((item) => this.#unpack(item, cursor));
      case "object": {
        const made: Record<string, unknown> = {};
        for (const [index, item] of outline.values.entries()) {
          made[outline.keys[index] ?? ""] = this.#unpack(item, cursor);
        }
        return made;
      }
    }
  }

  #placeOf(text: string): number {
    const known = this.#textOf.get(text);
    if (known !== undefined) return known;
    const place = this.#texts.push(text) - 1;
    this.#textOf.set(text, place);
    return place;
  }
}

function outlineOf(value: unknown): Outline {
  if (typeof value === "number") return { kind: "number" };
  if (typeof value === "string") return { kind: "text" };
  if (Array.isArray(value)) return { kind: "list", items: value.map(outlineOf) };
  if (typeof value === "object" && value !== null) {
    return {
      kind: "object",
      keys: Object.keys(value),
      values: Object.values(value).map(outlineOf),
    };
  }
  return { kind: "constant", value: constant(value) };
}

/** JSON has no form for undefined, and leaves it out. */
function undefinedToo(_key: string, value: unknown): unknown {
  return value === undefined ? "undefined" : value;
}

function constant(value: unknown): null | boolean | undefined {
  if (value === null || typeof value === "boolean" || value === undefined) return value;
  throw new TypeError(`Cannot pack a ${typeof value}`);
}

const CHUNK_BITS = 13;
const CHUNK = 1 << CHUNK_BITS;

/** A list of numbers that never moves: one that doubled would be there twice each time it did. */
class Numbers {
  length = 0;
  readonly #chunks: Float64Array[] = [];

  append(number: number): void {
    const at = this.length & (CHUNK - 1);
    const index = this.length >> CHUNK_BITS;
    const chunk = this.#chunks[index] ??= new Float64Array(CHUNK);
    chunk[at] = number;
    this.length += 1;
  }

  get(index: number): number {
    const number = this.#chunks[index >> CHUNK_BITS]?.[index & (CHUNK - 1)];
    if (number === undefined || index >= this.length) throw new RangeError(`No number ${index}`);
    return number;
  }
}
