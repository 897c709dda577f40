/**
 * Reserved memory: every allocation of a generation, with each of its decode steps, through the caching allocators of
 * the devices. A program is turned into one list of integers per device and pass, and replayed for any batch.
 *
 * A cell generates more than once, and nothing is returned to the driver in between: the second generation finds the
 * segments of the first, and what does not fit between them needs new ones. With expandable segments what the first
 * leaves is one block again, so that the second does as the first did, unless pages had to be returned on the way.
 *
 * Devices are replayed one after the other, each to its end or to the request that fails: a device that runs out of
 * memory does not cut short what is told of the others.
 */
import { MAX_AGE, type Program } from "../trace/program.ts";
import { evaluateSizes } from "../trace/sizes.ts";
import { CELL_PHASES, type Phase } from "../trace/trace.ts";
import { CachingAllocator } from "./allocator/allocator.ts";
import { NONE } from "./allocator/blocks.ts";
import type { DevicePass } from "./device_passes.ts";
import {
  allPasses,
  type DeviceProgram,
  devicePrograms,
  sameDevicePrograms,
} from "./device_program.ts";
import { firstOfGeneration, type Leftover, leftoversOf, playedAgain } from "./leftovers.ts";
import { findPeriod, type Period } from "./period.ts";
import { playEvents } from "./play.ts";
import { isWorthLooking, playPeriod } from "./cycles.ts";
import { canServe, playRange } from "./serve.ts";
import { type AllocatorOptions, roundedUnits, UNIT_BYTES } from "./allocator/rules.ts";

/** What a device's allocator says of a generation. */
export interface Reserved {
  /** `max_memory_allocated` over loading. */
  readonly loadPeakAllocatedBytes: number;
  /** `max_memory_reserved` over loading. */
  readonly loadPeakReservedBytes: number;
  /** `max_memory_allocated`, reset after loading. */
  readonly peakAllocatedBytes: number;
  /** `max_memory_reserved`, reset after loading. */
  readonly peakReservedBytes: number;
  /** Times that all cached segments had to be returned. */
  readonly retries: number;
  /** What was returned in the prefill, and in all decode steps together: most of it is taken anew, which takes time. */
  readonly returnedBytes: ReturnedBytes;
  /** The request that failed when nothing was left to return; absent when all were served. */
  readonly failure?: Failure;
}

export interface ReturnedBytes {
  readonly prefill: number;
  readonly decode: number;
}

export interface Failure {
  readonly phase: Phase;
  /** Of decode, from 1; 0 in other phases. */
  readonly step: number;
  /** What the driver was asked for. */
  readonly segmentBytes: number;
  /** What was reserved at that moment. */
  readonly reservedBytes: number;
}

/**
 * Most allocations of another stream for which a block stays out that is lent to the first stream. ZeRO lets three gathers
 * run ahead of the oldest that the host has not seen end (`max_ongoing_fetch_events`), and each makes a buffer and two or
 * three copies.
 */
export const LAG = 10;

/**
 * Steps that are replayed with blocks that come back late. What decides is whether a large buffer finds its place anew
 * when small blocks lie otherwise than before: within a few steps it does not, and memory once reserved stays.
 */
export const LAGGING_STEPS = 6;

/** A replay with a new allocator. */
export interface ReplayJob {
  readonly replay: DeviceReplay;
  readonly batch: number;
  readonly options: AllocatorOptions;
}

/** Thrown where work cannot go on before a replay is made. */
export class MissingReplay extends Error {}

/** One for all: it says nothing of the place, and making it would take longer than the work does. */
const MISSING = new MissingReplay();

let missing: ReplayJob[] | undefined;

/** Does work as far as it goes without a new replay, and says what it asked for beyond what is known. */
export function replaysMissingFor(work: () => void): readonly ReplayJob[] {
  const found: ReplayJob[] = [];
  missing = found;
  try {
    work();
  } catch (error) {
    if (!(error instanceof MissingReplay)) throw error;
  } finally {
    missing = undefined;
  }
  return found;
}

/** Replays of what the allocator of one device is asked for. */
export class DeviceReplay {
  readonly program: DeviceProgram;
  readonly #periods: ReadonlyMap<DevicePass, Period | undefined>;
  /** What is dropped before the generation is played again; undefined where it is not. */
  readonly #leftovers: readonly Leftover[] | undefined;
  /** The passes as they are played again. */
  readonly #again: readonly DevicePass[];
  readonly #known = new Map<string, Reserved>();
  /** Of replays with fixed segments that were served without returning anything, by batch. */
  readonly #unhindered = new Map<number, Reserved>();

  constructor(program: DeviceProgram) {
    this.program = program;
    const { passes, sizes } = program;
    const periods = new Map(allPasses(program).map((pass) => [pass, findPeriod(pass)]));
    this.#leftovers = leftoversOf(program);
    this.#again = passes.map((pass) => playedAgain(pass, sizes.constant.length));
    for (const [index, again] of this.#again.entries()) {
      periods.set(again, periods.get(passes[index] as DevicePass));
    }
    this.#periods = periods;
  }

  /** By device; devices whose allocators are asked for the same share one, those of other programs too. */
  static of(program: Program): Map<number, DeviceReplay> {
    return new Map(
      [...devicePrograms(program)].map(([device, its]) => [device, shared(its)]),
    );
  }

  /** As `run` with a new allocator; a workload that was asked for before is not replayed again. */
  within(batch: number, options: AllocatorOptions): Reserved {
    const known = this.known(batch, options);
    if (known !== undefined) return known;
    if (missing !== undefined) {
      missing.push({ replay: this, batch, options });
      throw MISSING;
    }
    const reserved = this.run(batch, new CachingAllocator(options));
    this.note(batch, options, reserved);
    return reserved;
  }

  /**
   * What `within` said before. A replay that was served without returning anything does the same within any memory that
   * has what it reserved; the addresses of an expandable segment depend on the memory, though.
   */
  known(batch: number, options: AllocatorOptions): Reserved | undefined {
    const { deviceBytes = Infinity, allowedBytes = Infinity, expandableSegments } = options;
    const free = expandableSegments ? undefined : this.#unhindered.get(batch);
    return free !== undefined && mostReserved(free) <= Math.min(deviceBytes, allowedBytes)
      ? free
      : this.#known.get(keyOf(batch, options));
  }

  /** Notes what `run` said elsewhere. */
  note(batch: number, options: AllocatorOptions, reserved: Reserved): void {
    this.#known.set(keyOf(batch, options), reserved);
    const { failure, retries } = reserved;
    if (failure === undefined && retries === 0 && !options.expandableSegments) {
      this.#unhindered.set(batch, reserved);
    }
  }

  /**
   * @param allocator A new or a reset one.
   * @param plainly Event by event, without the shortcut of pools that go round.
   */
  run(batch: number, allocator: CachingAllocator, plainly = false): Reserved {
    const periods = this.#periods;
    const { passes, repeated, sizes, decodeSteps, firstRepeated } = this.program;
    const values = new Float64Array(sizes.constant.length);
    // The one beyond them stays at nothing.
    const units = new Int32Array(values.length + 1);
    const blocks: Int32Array[] = [];
    let loading: { allocated: number; reserved: number } | undefined;
    let failure: Failure | undefined;
    const returnedBytes = { prefill: 0, decode: 0 };

    function play(pass: DevicePass, step: number): boolean {
      if (loading === undefined && CELL_PHASES.includes(pass.phase)) {
        loading = {
          allocated: allocator.peakAllocatedBytes,
          reserved: allocator.peakReservedBytes,
        };
        // Cells are measured from an empty cache, so that none depends on what ran before it.
        allocator.emptyCache();
        allocator.resetPeaks();
      }
      // `torch.cuda.graph` does so before it captures.
      if (pass.phase === "capture") allocator.emptyCache();
      evaluateSizes(sizes, batch, step, values);
      for (let i = 0; i < values.length; i++) {
        const bytes = values[i] as number;
        // A tensor without elements takes nothing.
        units[i] = bytes > 0 ? roundedUnits(bytes) : 0;
      }
      // Of a repeated pass only the last few iterations are referred to.
      const isRing = pass.events.length > 0 && step > firstRepeated + MAX_AGE;
      const own = isRing ? reused(blocks, pass.sizeOf.length) : new Int32Array(pass.sizeOf.length);
      blocks.push(own);
      const playing = { pass, allocator, units, own, columns: blocks };
      // Every step ends with the host waiting for its token, and with it for all streams.
      allocator.synchronize();
      const lags = pass.isLent !== undefined && step < LAGGING_STEPS;
      allocator.pending.lag = lags ? LAG : 0;
      const period = lags ? undefined : periods.get(pass);
      const before = allocator.returnedUnits;
      const isServed = plainly || !canServe(allocator)
        ? playEvents(playing, 0, pass.events.length)
        : period === undefined || !isWorthLooking(period)
        ? playRange(playing, 0, pass.events.length)
        : playPeriod(playing, period);
      if (pass.phase === "prefill" || pass.phase === "decode") {
        returnedBytes[pass.phase] += (allocator.returnedUnits - before) * UNIT_BYTES;
      }
      if (isServed) return true;
      failure = {
        phase: pass.phase,
        step,
        segmentBytes: allocator.failedUnits * UNIT_BYTES,
        reservedBytes: allocator.reservedBytes,
      };
      return false;
    }

    function playFrom(first: number, played: readonly DevicePass[]): boolean {
      for (let i = first; i < played.length; i++) {
        const pass = played[i] as DevicePass;
        if (!play(pass, pass.step)) return false;
      }
      for (let step = firstRepeated; repeated !== undefined && step <= decodeSteps; step++) {
        if (!play(repeated, step)) return false;
      }
      return true;
    }

    const isServed = playFrom(0, passes);
    const isAsBefore = allocator.isExpandable && allocator.retries === 0;
    const leftovers = isAsBefore ? undefined : this.#leftovers;
    if (isServed && leftovers !== undefined) {
      for (const { pass, isRepeated, index } of leftovers) {
        const column = blocks[isRepeated ? blocks.length - pass : pass] as Int32Array;
        const block = column[index] as number;
        if (block !== NONE) allocator.free(block);
      }
      const first = firstOfGeneration(this.program);
      blocks.length = first;
      // The generation that is timed is the later one.
      returnedBytes.prefill = returnedBytes.decode = 0;
      playFrom(first, this.#again);
    }
    const { peakAllocatedBytes, peakReservedBytes, retries } = allocator;
    return {
      loadPeakAllocatedBytes: loading?.allocated ?? peakAllocatedBytes,
      loadPeakReservedBytes: loading?.reserved ?? peakReservedBytes,
      peakAllocatedBytes,
      peakReservedBytes,
      retries,
      returnedBytes,
      ...(failure === undefined ? {} : { failure }),
    };
  }
}

/** Replays that are still in use. */
const DISTINCT = new Set<WeakRef<DeviceReplay>>();

function shared(program: DeviceProgram): DeviceReplay {
  for (const reference of DISTINCT) {
    const other = reference.deref();
    if (other === undefined) DISTINCT.delete(reference);
    else if (sameDevicePrograms(other.program, program)) return other;
  }
  const replay = new DeviceReplay(program);
  DISTINCT.add(new WeakRef(replay));
  return replay;
}

function mostReserved({ loadPeakReservedBytes, peakReservedBytes }: Reserved): number {
  return Math.max(loadPeakReservedBytes, peakReservedBytes);
}

function keyOf(
  batch: number,
  { deviceBytes, allowedBytes, expandableSegments }: AllocatorOptions,
): string {
  return `${batch} ${deviceBytes} ${allowedBytes} ${expandableSegments}`;
}

/** The column of a pass that is too old to be referred to. */
function reused(blocks: Int32Array[], length: number): Int32Array {
  const old = blocks[blocks.length - 1 - MAX_AGE] as Int32Array;
  return old.length === length ? old : new Int32Array(length);
}
