/**
 * How ZeRO-3 parameters come to be where they are: `zero.Init` partitions each module when it has been made, then either
 * random values or the files are written into gathered parameters (partition_parameters.py, and
 * transformers/integrations/deepspeed.py).
 */
import type { DsZeroSpec } from "../../language/pipeline.ts";
import { Tape } from "../../trace/tape.ts";
import { HOST, type TraceSink } from "../../trace/trace.ts";
import { isMapped, MAX_FILE_BYTES } from "../mapped.ts";
import type { StrategyContext } from "../strategy.ts";
import type { ZeroLayout, ZeroWeight } from "./place.ts";

/** Writes the load phase of rank 0. */
export function traceLoad(
  spec: DsZeroSpec,
  context: StrategyContext,
  layout: ZeroLayout,
  sink: TraceSink,
): void {
  sink.beginPhase("load", 0);
  const isCpu = context.hardware.device.type === "cpu";
  const device = new Tape(sink, 0);
  const host = new Tape(sink, HOST);
  if (layout.stagingBytes > 0) {
    host.tensor("NVMe buffers (pinned)", layout.stagingBytes, "workspace");
  }
  const heads = partition(spec, layout, device, host);
  const isOnDevice = context.weights === "on-device";
  // The model ties its head after it has written random values, but before it reads files. The pinned block of the
  // head goes back to PyTorch's cache, not to the system.
  if (!isOnDevice) device.free(...heads.device);
  if (!isOnDevice) host.free(...heads.host);
  const file = isOnDevice ? undefined : openFile(spec, context, layout, isCpu ? device : host);
  for (const weight of written(layout, isOnDevice)) write(spec, context, layout, weight, device);
  if (file !== undefined) (isCpu ? device : host).free(file);
  if (isOnDevice) device.free(...heads.device);
  if (isOnDevice) host.free(...heads.host);
}

/** Makes every parameter whole and keeps this rank's part; a tied head is a parameter of its own at first. */
function partition(
  spec: DsZeroSpec,
  { weights }: ZeroLayout,
  device: Tape,
  host: Tape,
): { device: number[]; host: number[] } {
  const heads = { device: [] as number[], host: [] as number[] };
  for (const weight of weights) keep(spec, weight, device, host);
  for (const weight of weights) {
    for (let copy = 1; copy < weight.modules.length; copy++) {
      const [onDevice, onHost] = keep(spec, weight, device, host);
      if (onDevice !== undefined) heads.device.push(onDevice);
      if (onHost !== undefined && !spec.pinMemory) heads.host.push(onHost);
    }
  }
  return heads;
}

function keep(
  spec: DsZeroSpec,
  { name, wholeBytes, partBytes, hostBytes }: ZeroWeight,
  device: Tape,
  host: Tape,
): [device: number | undefined, host: number | undefined] {
  const whole = device.tensor(`${name} (whole)`, wholeBytes, "weights");
  const onDevice = spec.offload === "none" ? device.tensor(name, partBytes, "weights") : undefined;
  const onHost = spec.offload === "cpu" ? host.tensor(name, hostBytes, "weights") : undefined;
  device.free(whole);
  return [onDevice, onHost];
}

/** Parameters in the order in which they get their values; with random ones a tied head gets its own. */
function written({ weights }: ZeroLayout, isOnDevice: boolean): ZeroWeight[] {
  const tied = weights.filter(({ modules }) => modules.length > 1);
  return isOnDevice ? [...weights, ...tied] : [...weights];
}

/** A parameter is gathered, written and partitioned again; an offloaded part is brought to the device for it. */
function write(
  spec: DsZeroSpec,
  { hardware }: StrategyContext,
  { ranks }: ZeroLayout,
  { name, partBytes }: ZeroWeight,
  device: Tape,
): void {
  const bytes = partBytes * ranks;
  const whole = device.tensor(`${name} (gathered)`, bytes, "communication");
  if (spec.offload !== "none") {
    device.free(device.tensor(`${name} (part)`, partBytes, "communication"));
  }
  if (hardware.device.type === "cpu" && ranks > 1) {
    device.free(device.tensor(`${name} (gathered by gloo)`, bytes, "communication"));
  }
  device.free(whole);
}

/** What of the files is in memory while they are read: mapped files count on a cpu device only. */
function openFile(
  spec: DsZeroSpec,
  context: StrategyContext,
  { wholeBytes }: ZeroLayout,
  tape: Tape,
): number | undefined {
  if (!isMapped(spec.dtype, context)) {
    // Not a weight that stays, and not pinned as those may be.
    return tape.tensor("checkpoint file", Math.min(wholeBytes, MAX_FILE_BYTES), "activation");
  }
  const isCpu = context.hardware.device.type === "cpu";
  return isCpu ? tape.tensor("checkpoint (mapped)", wholeBytes, "weights") : undefined;
}
