/** Measured cells of a run, from its results. */
import { findDevice } from "../catalog/devices.ts";
import type { HardwareSpec, Pipeline, StrategySpec } from "../language/pipeline.ts";
import type { ReportedCell, ReportedResults } from "../report/results_shape.ts";
import type { MeasuredCell, MeasuredSet } from "./measured.ts";
import { pipelineFor } from "./pipelines.ts";

/** The cells that ran to an end. */
export function measuredOfResults(source: string, results: ReportedResults): MeasuredSet {
  const { remarks = {} } = results;
  const cells = results.cells.flatMap((cell) => {
    const measured = measuredCell(cell);
    const remark = remarks[cell.id];
    return measured === undefined
      ? []
      : [{ ...measured, ...(remark === undefined ? {} : { remark }) }];
  });
  return {
    source,
    pipeline: pipelineOf(results),
    cells,
    frozenWeights: results.frozenWeights ?? false,
    loadedOtherwise: results.loadedOtherwise !== undefined,
    workersSha256: results.tool.workersSha256,
  };
}

function pipelineOf({ pipeline, model, hardware, stack, budget }: ReportedResults): Pipeline {
  const { name: catalog, nodes, devices, memoryBytes, diskBytesPerSecond } = hardware;
  const numbers = {
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(diskBytesPerSecond === undefined ? {} : { diskBytesPerSecond }),
  };
  const spec: HardwareSpec = catalog !== undefined
    ? { catalog, nodes, ...numbers }
    : { nodes, devices: { count: devices.count, kind: devices.kind }, ...numbers };
  // A cpu device holds what the budget says; a GPU that the catalog knows has its own size.
  const deviceBytes = budget.deviceBytes ??
    (findDevice(devices.kind)?.type === "cpu" ? devices.capacityBytes ?? undefined : undefined);
  return pipelineFor(pipeline.name, {
    model: { name: model.name, config: model.config, weights: model.weights },
    hardware: spec,
    stack: { versions: stack.versions },
  }, {
    ...(deviceBytes === undefined ? {} : { deviceBytes }),
    ...(budget.hostBytes === undefined ? {} : { hostBytes: budget.hostBytes }),
  });
}

/** What a settled strategy does not say had one meaning before it could be said. */
function asMeasured(strategy: StrategySpec): StrategySpec {
  return strategy.use === "ds-zero"
    ? { ...strategy, gather: strategy.gather ?? "module" }
    : strategy;
}

function measuredCell(cell: ReportedCell): MeasuredCell | undefined {
  const { status, measurement, prediction } = cell;
  if (status !== "ok" && status !== "oom" && status !== "host-oom") return undefined;
  // What a command of the user's own does is not what is predicted.
  if (cell.strategy.use === "script") return undefined;
  const { id, strategy, batchSize, promptTokens, newTokens, axes } = cell;
  const spec = {
    id,
    strategyIndex: 0,
    strategy: asMeasured(strategy),
    batchSize,
    promptTokens,
    newTokens,
    axes,
  };
  // What a cell held when it ran out of memory is not what it needed.
  if (status !== "ok" || measurement === null) {
    return { cell: spec, status, values: {}, stored: prediction };
  }
  const { devices, hosts, time } = measurement;
  const known = (values: readonly (number | null)[]): number[] =>
    values.filter((value) => value !== null);
  return {
    cell: spec,
    status,
    stored: prediction,
    values: {
      peakAllocatedBytes: known(devices.map((device) => device.peakAllocatedBytes)),
      peakReservedBytes: known(devices.map((device) => device.peakReservedBytes)),
      peakBytes: devices.map((device) => device.peakBytes),
      loadPeakAllocatedBytes: known(devices.map((device) => device.loadPeakAllocatedBytes)),
      hostPeakBytes: hosts.map((host) => host.peakBytes),
      ...(time === null ? {} : {
        importSeconds: known([time.importSeconds]),
        loadSeconds: known([time.loadSeconds]),
        prefillMs: known([time.prefillMs]),
        msPerStep: known([time.msPerStep]),
        msPerToken: [time.msPerToken],
      }),
    },
  };
}
