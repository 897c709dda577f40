/** The judgement of a cell: whether it fits, what limits it, and why. */
import { type CauseFacts, deviceCause, hostCause, sameTerms } from "./causes.ts";
import { exceedProbability } from "./interval.ts";
import type { HostPrediction, Limit, Verdict } from "./prediction.ts";
import type { Need } from "./predict_memory.ts";

export interface Judgement {
  readonly verdict: Verdict;
  readonly oomProbability: number;
  readonly limit: Limit | null;
  readonly causes: readonly string[];
}

/** Below the first a cell fits, above the second it runs out of memory; between them it is tight. */
const TIGHT_FROM = 0.05;
const OOM_FROM = 0.95;

/**
 * Sets a need against the capacities; what has no known capacity is not judged.
 *
 * @param facts Give causes their reasons; a search for batches needs none.
 */
export function judge(need: Need, facts?: CauseFacts): Judgement {
  const candidates = [
    ...need.devices.map((device) => judgeDevice(device, facts)),
    ...need.hosts.map((host) => judgeHost(host, facts)),
  ]
    .filter((candidate) => candidate !== null)
    .sort((a, b) => ratio(b.limit) - ratio(a.limit));
  const oomProbability = Math.max(0, ...candidates.map(({ probability }) => probability));
  const verdict = oomProbability < TIGHT_FROM
    ? "fits"
    : oomProbability > OOM_FROM
    ? "oom"
    : "tight";
  return {
    verdict,
    oomProbability: Math.round(oomProbability * 1e4) / 1e4,
    limit: candidates[0]?.limit ?? null,
    // Ranks that are alike have the same cause: the first stands for them.
    causes: candidates.filter(({ probability }) => probability >= TIGHT_FROM)
      .map(({ cause }) => cause())
      .filter((cause, index, all) => all.findIndex((other) => sameTerms(other, cause)) === index),
  };
}

interface Candidate {
  readonly limit: Limit;
  readonly probability: number;
  readonly cause: () => string;
}

function judgeDevice(
  device: Need["devices"][number],
  facts: CauseFacts | undefined,
): Candidate | null {
  if (device.capacityBytes === null) return null;
  const limit = {
    resource: `device:${device.index}`,
    phase: device.peak.phase,
    needBytes: device.required.mid,
    haveBytes: device.capacityBytes,
  };
  const probability = exceedProbability(device.required, device.capacityBytes);
  return { limit, probability, cause: () => deviceCause(device.index, device.peak, limit, facts) };
}

function judgeHost(host: HostPrediction, facts: CauseFacts | undefined): Candidate | null {
  if (host.capacityBytes === null) return null;
  const limit = {
    resource: "host",
    phase: "load",
    needBytes: host.peakBytes.mid,
    haveBytes: host.capacityBytes,
  };
  const probability = exceedProbability(host.peakBytes, host.capacityBytes);
  return { limit, probability, cause: () => hostCause(host, limit, facts) };
}

function ratio({ needBytes, haveBytes }: Limit): number {
  return needBytes / haveBytes;
}
