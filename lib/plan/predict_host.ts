/** What a cell needs of the hosts: the sums of the trace's host device, rank by rank. */
import { memoryCalibration } from "../catalog/calibration.ts";
import type { Peaks } from "../memory/peak.ts";
import type { Placement, StrategyContext } from "../strategy/strategy.ts";
import { CELL_PHASES, HOST } from "../trace/trace.ts";
import { hostInterval } from "./interval.ts";
import type { HostPrediction } from "./prediction.ts";

/**
 * Each node holds the processes of its ranks. A cpu device is such a process: of what it holds, the host's private
 * memory has all but the pages of libraries that were never touched and weights that are mapped from their file.
 */
export function predictHosts(
  memory: Peaks,
  placement: Placement,
  context: StrategyContext,
): HostPrediction[] {
  const { hardware } = context;
  const isCpu = hardware.device.type === "cpu";
  const nodes = [...new Set(placement.devices.map(({ node }) => node))];
  const perRankBytes = isCpu
    ? residentBytes(memory, placement, context) + memory.peak(HOST).bytes
    : memory.peak(HOST).bytes;
  const pinnedBytes = memory.peakOf(HOST, "workspace") +
    (placement.pinsWeights ? memory.peakOf(HOST, "weights") : 0);
  return nodes.map((node) => {
    const ranks = placement.worldSize === 1
      ? 1
      : placement.devices.filter((device) => device.node === node).length;
    return {
      node,
      perRankBytes,
      pinnedBytes: pinnedBytes * ranks,
      peakBytes: hostInterval(perRankBytes * ranks, hardware.device.type),
      capacityBytes: context.hostCapacityBytes,
    };
  });
}

/** Private memory of the fullest moment: of what the device holds, all but the pages of mapped files. */
function residentBytes(
  memory: Peaks,
  { mappedBytes }: Placement,
  { stack, use }: StrategyContext,
): number {
  const { cpuBaseBytes, cpuBaseResidentBytes } = memoryCalibration(stack);
  const loading = memory.peak(0, ["start", "load"]).bytes - mappedBytes.loading;
  const generating = memory.peak(0, CELL_PHASES).bytes - mappedBytes.generating;
  return Math.max(loading, generating) - cpuBaseBytes[use] + cpuBaseResidentBytes[use];
}
