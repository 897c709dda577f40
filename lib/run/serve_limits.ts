/** Searches the largest batches of a plan, one configuration after the other. */
import type { EarlierRun } from "./decide.ts";
import {
  type CellStatusAndPeak,
  type FoundLimit,
  type LimitGroup,
  LimitQueue,
} from "./find_limits.ts";
import { isCpu } from "./host.ts";
import type { CellHistory } from "./journal_records.ts";
import { devicesOf, poolOf } from "./schedule.ts";
import { serveQueue, type Service } from "./serve.ts";

/** Searches them all, or until the signal. Probes that earlier runs have made are not made again. */
export async function serveLimits(
  service: Service,
  groups: readonly LimitGroup[],
  earlier: readonly EarlierRun[],
): Promise<FoundLimit[]> {
  const known = new Map<string, CellStatusAndPeak>();
  for (const { state } of earlier.toReversed()) {
    for (const history of state.cells.values()) remember(known, history);
  }
  const limits: FoundLimit[] = [];
  for (const group of groups) {
    // A process on a CPU keeps a megabyte or two of every cell, worth a sequence or two; a GPU's allocator starts anew.
    const isAlone = isCpu(service.plan.hardware) || (group.session.servesOneCell ?? false);
    const queue = new LimitQueue(group, (key) => known.get(key), isAlone);
    if (!service.options.signal?.aborted && !queue.isEmpty) {
      const [template] = group.cells;
      const share = { devices: devicesOf(group.session, service.plan), hostBytes: 0 };
      const gpus = poolOf(service).take(share)?.gpus ?? [];
      const alone = { ...service, host: { ...service.host, gpus } };
      await serveQueue(alone, group.session, queue, {
        dtype: template?.strategy.dtype ?? "",
        cells: group.cells.slice(0, 1),
        total: 0,
      });
    }
    limits.push(queue.found);
  }
  return limits;
}

function remember(known: Map<string, CellStatusAndPeak>, { key, outcome }: CellHistory): void {
  if (outcome === null || (outcome.status !== "ok" && outcome.status !== "oom")) return;
  const peaks = outcome.measurement?.devices.map(({ peakBytes }) => peakBytes) ?? [];
  known.set(key, {
    status: outcome.status,
    peakBytes: peaks.length === 0 ? null : Math.max(...peaks),
  });
}
