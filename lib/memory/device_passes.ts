/** The passes of a program as the allocators of its devices see them. */
import type { Program, ProgramPass } from "../trace/program.ts";
import { ALLOCATE, FREE_EARLIER, KIND_BITS, KIND_MASK, RUN } from "../trace/recording.ts";
import { sameNumbers } from "../trace/sizes.ts";
import type { Phase } from "../trace/trace.ts";
import { NONE } from "./allocator/blocks.ts";
import { isOutside } from "./peak.ts";

/** The events of one pass on one device; a number of an event is an index into `sizeOf` or `earlier`. */
export interface DevicePass {
  readonly phase: Phase;
  readonly step: number;
  /** `index << KIND_BITS | kind` */
  readonly events: Int32Array;
  /** Index of the size of each allocation, and its stream. */
  readonly sizeOf: Int32Array;
  readonly streamOf: Int32Array;
  /** Whether each allocation is lent to the first stream; absent where none is. */
  readonly isLent?: Uint8Array;
  /** Whether the process keeps each allocation for later generations; absent where it keeps none. */
  readonly lasts?: Uint8Array;
  /** Age and index of tensors of earlier passes, in turn. */
  readonly earlier: Int32Array;
}

/** Passes of a device in their order, the repeated one last where there is one. */
export type PassesOfDevice = readonly DevicePass[];

/** Where the allocations of a pass went: the device, and the index among those of the device. */
interface Placed {
  readonly deviceOf: Int32Array;
  readonly placeOf: Int32Array;
}

/** Columns of a pass that are being filled. */
class Columns {
  readonly events: number[] = [];
  readonly sizeOf: number[] = [];
  readonly streamOf: number[] = [];
  readonly isLent: number[] = [];
  readonly lasts: number[] = [];
  readonly earlier: number[] = [];

  toPass({ phase, step }: ProgramPass): DevicePass {
    return {
      phase,
      step,
      events: new Int32Array(this.events),
      sizeOf: new Int32Array(this.sizeOf),
      streamOf: new Int32Array(this.streamOf),
      ...(this.isLent.includes(1) ? { isLent: new Uint8Array(this.isLent) } : {}),
      ...(this.lasts.includes(1) ? { lasts: new Uint8Array(this.lasts) } : {}),
      earlier: new Int32Array(this.earlier),
    };
  }
}

/** Passes by device; the host has no such allocator. */
export function devicePasses(program: Program): Map<number, PassesOfDevice> {
  const { passes, repeated } = program;
  const all = repeated === undefined ? passes : [...passes, repeated];
  const devices = new Set(all.flatMap(({ tensors }) => tensors.map(({ device }) => device)));
  const found = new Map(
    [...devices].filter((device) => device >= 0).map((device) =>
      [device, [] as DevicePass[]] as const
    ),
  );
  const placed: Placed[] = [];
  for (const pass of all) {
    const columns = split(pass, placed);
    for (const [device, its] of found) {
      its.push((columns[device] ?? new Columns()).toPass(pass));
    }
  }
  return found;
}

/**
 * Deals the events of a pass out to the devices.
 *
 * @param placed Of the passes so far; this one's is added.
 */
function split(pass: ProgramPass, placed: Placed[]): Columns[] {
  const { tensors, sizeOf } = pass;
  const own: Placed = {
    deviceOf: new Int32Array(tensors.length).fill(NONE),
    placeOf: new Int32Array(tensors.length),
  };
  placed.push(own);
  const columns: Columns[] = [];
  for (const [index, tensor] of tensors.entries()) {
    if (tensor.device < 0 || isOutside(tensor)) continue;
    const its = columns[tensor.device] ??= new Columns();
    own.deviceOf[index] = tensor.device;
    own.placeOf[index] = its.sizeOf.length;
    its.sizeOf.push(sizeOf[index] as number);
    its.streamOf.push(tensor.stream ?? 0);
    its.isLent.push(tensor.lent === true ? 1 : 0);
    its.lasts.push(tensor.lasts === true ? 1 : 0);
  }
  for (const event of pass.events) {
    const kind = event & KIND_MASK;
    if (kind === RUN) continue;
    let index = event >> KIND_BITS;
    let age = 0;
    if (kind === FREE_EARLIER) {
      ({ age, index } = pass.earlier[index] as ProgramPass["earlier"][number]);
    }
    // A repeated pass stands for those before it as well, which number their tensors alike.
    const from = placed[placed.length - 1 - age] as Placed;
    const device = from.deviceOf[index] as number;
    if (device === NONE) continue;
    const its = columns[device] ??= new Columns();
    const place = from.placeOf[index] as number;
    if (kind === ALLOCATE || age === 0) {
      its.events.push(place << KIND_BITS | kind);
      continue;
    }
    its.events.push(its.earlier.length / 2 << KIND_BITS | FREE_EARLIER);
    its.earlier.push(age, place);
  }
  return columns;
}

/** Whether the allocators of two devices are asked for the same. */
export function samePasses(left: PassesOfDevice, right: PassesOfDevice): boolean {
  return left.length === right.length && left.every((pass, index) => {
    const other = right[index] as DevicePass;
    return pass.phase === other.phase && pass.step === other.step &&
      sameNumbers(pass.events, other.events) && sameNumbers(pass.sizeOf, other.sizeOf) &&
      sameNumbers(pass.streamOf, other.streamOf) && sameNumbers(pass.earlier, other.earlier) &&
      sameNumbers(pass.isLent ?? [], other.isLent ?? []) &&
      sameNumbers(pass.lasts ?? [], other.lasts ?? []);
  });
}
