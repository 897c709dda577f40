/**
 * A program as the allocator of one device sees it: plain data, which programs that differ in anything else share, and
 * which can be sent to another thread.
 */
import type { Program } from "../trace/program.ts";
import { sameNumbers, type SizeColumns } from "../trace/sizes.ts";
import { type DevicePass, devicePasses, samePasses } from "./device_passes.ts";

/** What the allocator of a device is asked for. */
export interface DeviceProgram {
  readonly passes: readonly DevicePass[];
  /** The pass of every decode step from `firstRepeated` on. */
  readonly repeated?: DevicePass;
  readonly firstRepeated: number;
  readonly decodeSteps: number;
  /** The sizes that passes name by their index, and no others. */
  readonly sizes: SizeColumns;
}

/** By device. */
export function devicePrograms(program: Program): Map<number, DeviceProgram> {
  const { firstRepeated, decodeSteps } = program;
  const found = new Map<number, DeviceProgram>();
  for (const [device, all] of devicePasses(program)) {
    const places = new Map<number, number>();
    for (const { sizeOf } of all) {
      for (const size of sizeOf) if (!places.has(size)) places.set(size, places.size);
    }
    const renumbered = all.map((pass) => ({
      ...pass,
      sizeOf: pass.sizeOf.map((size) => places.get(size) as number),
    }));
    const repeated = program.repeated === undefined ? undefined : renumbered.pop();
    found.set(device, {
      passes: renumbered,
      ...(repeated === undefined ? {} : { repeated }),
      firstRepeated,
      decodeSteps,
      sizes: program.sizes.columns([...places.keys()]),
    });
  }
  return found;
}

/** Whether two allocators are asked for the same, whatever the batch. */
export function sameDevicePrograms(left: DeviceProgram, right: DeviceProgram): boolean {
  return left.decodeSteps === right.decodeSteps && left.firstRepeated === right.firstRepeated &&
    sameNumbers(left.sizes.constant, right.sizes.constant) &&
    sameNumbers(left.sizes.perSequence, right.sizes.perSequence) &&
    sameNumbers(left.sizes.perStep, right.sizes.perStep) &&
    sameNumbers(left.sizes.perBoth, right.sizes.perBoth) &&
    samePasses(allPasses(left), allPasses(right));
}

/** The repeated pass last, where there is one. */
export function allPasses({ passes, repeated }: DeviceProgram): readonly DevicePass[] {
  return repeated === undefined ? passes : [...passes, repeated];
}
