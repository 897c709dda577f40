/** Some of the sizes of a program as plain columns. */
export interface SizeColumns {
  readonly constant: Float64Array;
  readonly perSequence: Float64Array;
  readonly perStep: Float64Array;
  readonly perBoth: Float64Array;
}

/** Fills `values` with all sizes of a batch at a step. */
export function evaluateSizes(
  { constant, perSequence, perStep, perBoth }: SizeColumns,
  batch: number,
  step: number,
  values: Float64Array,
): void {
  for (let i = 0; i < constant.length; i++) {
    values[i] = (constant[i] as number) + (perSequence[i] as number) * batch +
      ((perStep[i] as number) + (perBoth[i] as number) * batch) * step;
  }
}

/** The distinct sizes of a program, each affine in the batch, in the decode step, and in their product. */
export class Sizes {
  /** Two batches that were recorded are `base` and `base + step`; a step of 0 leaves the batch fixed. */
  readonly #base: number;
  readonly #step: number;
  readonly #constant: number[] = [];
  readonly #perSequence: number[] = [];
  readonly #perStep: number[] = [];
  readonly #perBoth: number[] = [];
  readonly #known = new Map<string, number>();
  #columns: SizeColumns | undefined;
  /** What was asked for before, by the values themselves: most sizes of a trace come many times. */
  readonly #lines = new Remembered();
  readonly #planes = new Remembered();

  constructor(base: number, step: number) {
    this.#base = base;
    this.#step = step;
  }

  get length(): number {
    return this.#constant.length;
  }

  /** Whether two are the same functions in the same order. */
  equals(other: Sizes): boolean {
    return sameNumbers(this.#constant, other.#constant) &&
      sameNumbers(this.#perSequence, other.#perSequence) &&
      sameNumbers(this.#perStep, other.#perStep) && sameNumbers(this.#perBoth, other.#perBoth);
  }

  /** Index of the size that has these values at the two batches, whatever the step. */
  inBatch(value: number, more: number): number {
    let index = this.#lines.get(value, more, 0, 0);
    if (index < 0) {
      const [constant, perSequence] = this.#line(value, more);
      index = this.#index(constant, perSequence, 0, 0);
      this.#lines.set(value, more, 0, 0, index);
    }
    return index;
  }

  /**
   * Index of the size with the values of two steps that follow each other, `early` and `late`, with the one batch, then
   * with the other.
   *
   * @param step The later step, the same in all calls.
   */
  inBatchAndStep(
    step: number,
    early: number,
    late: number,
    earlyMore: number,
    lateMore: number,
  ): number {
    let index = this.#planes.get(early, late, earlyMore, lateMore);
    if (index < 0) {
      const [perStep, perBoth] = this.#line(late - early, lateMore - earlyMore);
      const [constant, perSequence] = this.#line(
        late - step * (late - early),
        lateMore - step * (lateMore - earlyMore),
      );
      index = this.#index(constant, perSequence, perStep, perBoth);
      this.#planes.set(early, late, earlyMore, lateMore, index);
    }
    return index;
  }

  /** Fills `values` with all sizes of a batch at a step. */
  evaluate(batch: number, step: number, values: Float64Array): void {
    if (this.#columns?.constant.length !== this.length) {
      this.#columns = this.columns(Array.from({ length: this.length }, (_, index) => index));
    }
    evaluateSizes(this.#columns, batch, step, values);
  }

  /** The sizes of some indices, in that order. */
  columns(indices: readonly number[]): SizeColumns {
    const column = (terms: readonly number[]) =>
      Float64Array.from(indices, (index) => terms[index] as number);
    return {
      constant: column(this.#constant),
      perSequence: column(this.#perSequence),
      perStep: column(this.#perStep),
      perBoth: column(this.#perBoth),
    };
  }

  /** Constant and slope in the batch. */
  #line(value: number, more: number): [number, number] {
    if (this.#step === 0) return [value, 0];
    const slope = (more - value) / this.#step;
    return [value - this.#base * slope, slope];
  }

  #index(...terms: readonly [number, number, number, number]): number {
    const key = terms.join();
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const index = this.length;
    this.#known.set(key, index);
    this.#constant.push(terms[0]);
    this.#perSequence.push(terms[1]);
    this.#perStep.push(terms[2]);
    this.#perBoth.push(terms[3]);
    return index;
  }
}

/** Whether two columns have the same numbers. */
export function sameNumbers(left: ArrayLike<number>, right: ArrayLike<number>): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

/** Places of a memory, a power of two, and the numbers of a key. */
const PLACES = 2048;
const NUMBERS = 4;

/** The indices of keys of four numbers that were asked for lately: every key has one place, which it may lose. */
class Remembered {
  readonly #keys = new Float64Array(NUMBERS * PLACES).fill(NaN);
  readonly #indices = new Int32Array(PLACES);

  /** Negative for a key that is not remembered. */
  get(a: number, b: number, c: number, d: number): number {
    const place = placeOf(a, b, c, d);
    const keys = this.#keys;
    const at = NUMBERS * place;
    return keys[at] === a && keys[at + 1] === b && keys[at + 2] === c && keys[at + 3] === d
      ? this.#indices[place] as number
      : -1;
  }

  set(a: number, b: number, c: number, d: number, index: number): void {
    const place = placeOf(a, b, c, d);
    this.#keys.set([a, b, c, d], NUMBERS * place);
    this.#indices[place] = index;
  }
}

function placeOf(a: number, b: number, c: number, d: number): number {
  let hash = Math.imul(a | 0, 0x9e3779b1) ^ Math.imul(b | 0, 0x85ebca6b) ^
    Math.imul(c | 0, 0xc2b2ae35) ^ Math.imul(d | 0, 0x27d4eb2f);
  hash ^= hash >>> 15;
  return hash & PLACES - 1;
}
