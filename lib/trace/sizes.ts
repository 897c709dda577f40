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

  constructor(base: number, step: number) {
    this.#base = base;
    this.#step = step;
  }

  get length(): number {
    return this.#constant.length;
  }

  /** Index of the size that has these values at the two batches, whatever the step. */
  inBatch(value: number, more: number): number {
    return this.#index(...this.#line(value, more), 0, 0);
  }

  /**
   * Index of the size with these values.
   *
   * @param step The later of two steps that follow each other.
   * @param corners At the earlier and at the later step with the one batch, then with the other.
   */
  inBatchAndStep(step: number, corners: readonly [number, number, number, number]): number {
    const [early, late, earlyMore, lateMore] = corners;
    const [perStep, perBoth] = this.#line(late - early, lateMore - earlyMore);
    const [constant, perSequence] = this.#line(
      late - step * (late - early),
      lateMore - step * (lateMore - earlyMore),
    );
    return this.#index(constant, perSequence, perStep, perBoth);
  }

  /** Fills `values` with all sizes of a batch at a step. */
  evaluate(batch: number, step: number, values: Float64Array): void {
    for (let i = 0; i < this.#constant.length; i++) {
      values[i] = (this.#constant[i] as number) + (this.#perSequence[i] as number) * batch +
        ((this.#perStep[i] as number) + (this.#perBoth[i] as number) * batch) * step;
    }
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
