/**
 * The memory interpreter of programs: what `PeakMemory` finds in the trace of a batch, read from the program without
 * writing the trace. A repeated step is added up once, for the last step: each of its tensors is at least as large
 * there as in the steps before.
 */
import { liveAtRepeated, type LiveTensor } from "../trace/liveness.ts";
import type { Program, ProgramPass } from "../trace/program.ts";
import { ALLOCATE, FREE_EARLIER, KIND_BITS, KIND_MASK, RUN } from "../trace/recording.ts";
import type { Category, Phase, Tensor } from "../trace/trace.ts";
import { CATEGORIES, isOutside, type Peak, type Peaks } from "./peak.ts";

/** Fields of an event's code: 1 bit whether it frees, then how many passes ago it was allocated, then its row. */
const AGE_BITS = 3;
const ROW_SHIFT = 1 + AGE_BITS;
const AGE_MASK = (1 << AGE_BITS) - 1;

/** Events of one device in one pass. */
interface Events {
  readonly codes: Int32Array;
  /** Index of the category of each, and whether it is outside of PyTorch's allocator. */
  readonly categories: Uint8Array;
  readonly outside: Uint8Array;
}

const NO_EVENTS: Events = {
  codes: new Int32Array(0),
  categories: new Uint8Array(0),
  outside: new Uint8Array(0),
};

/** A program prepared for adding up. */
export class ProgramSums {
  readonly program: Program;
  readonly #devices: readonly number[];
  /** By pass, the repeated one last, then by device. */
  readonly #events: readonly ReadonlyMap<number, Events>[];
  readonly #standing: readonly LiveTensor[];
  readonly #known = new Map<string, Peaks>();

  /** @returns undefined where tensors of repeated steps pile up. */
  static of(program: Program): ProgramSums | undefined {
    const standing = program.repeated === undefined ? [] : liveAtRepeated(program);
    return standing && new ProgramSums(program, standing);
  }

  private constructor(program: Program, standing: readonly LiveTensor[]) {
    this.program = program;
    this.#standing = standing;
    const passes = allPasses(program);
    const devices = new Set(passes.flatMap(({ tensors }) => tensors.map(({ device }) => device)));
    this.#devices = [...devices];
    this.#events = passes.map((_, index) => eventsOf(program, index));
  }

  /**
   * A batch that was asked for before is not added up again.
   *
   * @param roundTo See `PeakMemory`.
   */
  run(batch: number, roundTo: number): Peaks {
    const key = `${batch} ${roundTo}`;
    let known = this.#known.get(key);
    if (known === undefined) this.#known.set(key, known = this.#addUp(batch, roundTo));
    return known;
  }

  #addUp(batch: number, roundTo: number): Peaks {
    const { passes, sizes, repeated, decodeSteps } = this.program;
    const valuesAt = (step: number) => {
      const values = new Float64Array(sizes.length);
      sizes.evaluate(batch, step, values);
      for (let i = 0; i < values.length; i++) {
        values[i] = Math.ceil((values[i] as number) / roundTo) * roundTo;
      }
      return values;
    };
    const fixed = passes.map(({ step }) => valuesAt(step));
    const all = allPasses(this.program);
    const ages = Array.from({ length: AGE_MASK + 1 }, (_, age) => age);
    const columns = all.map((_, index) =>
      index < passes.length
        ? ages.map((age) => fixed[index - age] ?? new Float64Array(0))
        : ages.map((age) => age > decodeSteps ? new Float64Array(0) : valuesAt(decodeSteps - age))
    );
    const found = new Map<number, DevicePeaks>();
    for (const device of this.#devices) {
      const peaks = new DevicePeaks();
      for (const [index, pass] of all.entries()) {
        if (pass === repeated) {
          peaks.restart(this.#standing.filter(({ tensor }) => tensor.device === device), (one) => {
            const column = one.pass === undefined
              ? columns[index]?.[one.age ?? 0]
              : fixed[one.pass];
            return column?.[one.size] ?? 0;
          });
        }
        // What lives when a phase begins belongs to its peak, so a pass without events counts.
        const events = this.#events[index]?.get(device) ?? NO_EVENTS;
        peaks.play(pass.phase, events, columns[index] ?? []);
      }
      found.set(device, peaks);
    }
    return {
      peak: (device, phases) => found.get(device)?.peak(phases) ?? new DevicePeaks().peak(),
      peakOf: (device, category) => found.get(device)?.largest(category) ?? 0,
    };
  }
}

function allPasses({ passes, repeated }: Program): readonly ProgramPass[] {
  return repeated === undefined ? passes : [...passes, repeated];
}

/** Running sums of one device. */
class DevicePeaks {
  readonly #sums = new Float64Array(CATEGORIES.length);
  readonly #largest = new Float64Array(CATEGORIES.length);
  readonly #peaks = new Map<Phase, Peak>();
  #total = 0;
  #outside = 0;

  /** Replaces what lives by what lives before a later step. */
  restart(standing: readonly LiveTensor[], bytesOf: (one: LiveTensor) => number): void {
    this.#sums.fill(0);
    this.#total = this.#outside = 0;
    for (const one of standing) {
      const bytes = bytesOf(one);
      this.#add(CATEGORIES.indexOf(one.tensor.category), bytes, isOutside(one.tensor));
    }
  }

  play(
    phase: Phase,
    { codes, categories, outside }: Events,
    columns: readonly Float64Array[],
  ): void {
    const known = this.#peaks.get(phase)?.bytes ?? -1;
    let total = this.#total;
    let most = Math.max(known, total);
    // Place after which the sum is largest: -1 before the first event, -2 in a pass before.
    let place = total > known ? -1 : -2;
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i] as number;
      const bytes = (columns[code >> 1 & AGE_MASK] as Float64Array)[code >> ROW_SHIFT] as number;
      if ((code & 1) === 1) total -= bytes;
      else {
        total += bytes;
        if (total > most) {
          most = total;
          place = i;
        }
      }
    }
    if (place === -1) this.#note(phase);
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i] as number;
      const bytes = (columns[code >> 1 & AGE_MASK] as Float64Array)[code >> ROW_SHIFT] as number;
      this.#add(categories[i] as number, (code & 1) === 1 ? -bytes : bytes, outside[i] === 1);
      if (i === place) this.#note(phase);
    }
  }

  peak(phases?: readonly Phase[]): Peak {
    let best: Peak = { bytes: 0, phase: "start", byCategory: named(this.#none), outsideBytes: 0 };
    for (const [phase, peak] of this.#peaks) {
      if (phases !== undefined && !phases.includes(phase)) continue;
      if (peak.bytes > best.bytes) best = peak;
    }
    return best;
  }

  largest(category: Category): number {
    return this.#largest[CATEGORIES.indexOf(category)] as number;
  }

  get #none(): Float64Array {
    return new Float64Array(CATEGORIES.length);
  }

  #add(category: number, bytes: number, outside: boolean): void {
    const sum = (this.#sums[category] as number) + bytes;
    this.#sums[category] = sum;
    if (sum > (this.#largest[category] as number)) this.#largest[category] = sum;
    this.#total += bytes;
    if (outside) this.#outside += bytes;
  }

  #note(phase: Phase): void {
    this.#peaks.set(phase, {
      bytes: this.#total,
      phase,
      byCategory: named(this.#sums),
      outsideBytes: this.#outside,
    });
  }
}

function named(sums: Float64Array): Record<Category, number> {
  return Object.fromEntries(CATEGORIES.map((category, i) => [category, sums[i] ?? 0])) as Record<
    Category,
    number
  >;
}

/** Events of a pass by device. */
function eventsOf(program: Program, index: number): Map<number, Events> {
  const passes = allPasses(program);
  const pass = passes[index] as ProgramPass;
  const found = new Map<number, { codes: number[]; categories: number[]; outside: number[] }>();
  for (const event of pass.events) {
    const kind = event & KIND_MASK;
    if (kind === RUN) continue;
    let place = event >> KIND_BITS;
    let age = 0;
    if (kind === FREE_EARLIER) {
      ({ age, index: place } = pass.earlier[place] as ProgramPass["earlier"][number]);
    }
    // Steps before a repeated one allocate what it does.
    const from = pass === program.repeated ? pass : passes[index - age] as ProgramPass;
    const tensor = from.tensors[place] as Tensor;
    const size = from.sizeOf[place] as number;
    const { device } = tensor;
    let its = found.get(device);
    if (its === undefined) found.set(device, its = { codes: [], categories: [], outside: [] });
    its.codes.push(size << ROW_SHIFT | age << 1 | (kind === ALLOCATE ? 0 : 1));
    its.categories.push(CATEGORIES.indexOf(tensor.category));
    its.outside.push(isOutside(tensor) ? 1 : 0);
  }
  return new Map([...found].map(([device, { codes, categories, outside }]) => [device, {
    codes: new Int32Array(codes),
    categories: new Uint8Array(categories),
    outside: new Uint8Array(outside),
  }]));
}
