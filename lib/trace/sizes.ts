/** A size at two steps with one batch, then with another. */
export type Corners = readonly [number, number, number, number];

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
  readonly #lines = new Map<number, Map<number, number>>();
  readonly #planes = new Map<
    number,
    Map<number, { corners: Corners; step: number; index: number }>
  >();

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
    const lines = inner(this.#lines, value);
    let index = lines.get(more);
    if (index === undefined) {
      const [constant, perSequence] = this.#line(value, more);
      index = this.#index(constant, perSequence, 0, 0);
      lines.set(more, index);
    }
    return index;
  }

  /**
   * Index of the size with these values.
   *
   * @param step The later of two steps that follow each other.
   * @param corners At the earlier and at the later step with the one batch, then with the other.
   */
  inBatchAndStep(step: number, corners: Corners): number {
    const [early, late, earlyMore, lateMore] = corners;
    const planes = inner(this.#planes, late);
    const known = planes.get(lateMore);
    if (
      known?.step === step && known.corners[0] === early && known.corners[2] === earlyMore
    ) return known.index;
    const [perStep, perBoth] = this.#line(late - early, lateMore - earlyMore);
    const [constant, perSequence] = this.#line(
      late - step * (late - early),
      lateMore - step * (lateMore - earlyMore),
    );
    const index = this.#index(constant, perSequence, perStep, perBoth);
    planes.set(lateMore, { corners, step, index });
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

function inner<V>(outer: Map<number, Map<number, V>>, key: number): Map<number, V> {
  let found = outer.get(key);
  if (found === undefined) outer.set(key, found = new Map());
  return found;
}
