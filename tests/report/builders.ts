/** Plans and results made by hand, small enough to check by eye. */
import type { TracedSpec } from "../../lib/language/pipeline.ts";
import type { Plan, PlanCell } from "../../lib/plan/plan.ts";
import type { Interval, Prediction, Verdict } from "../../lib/plan/prediction.ts";
import type { CellStatus, Measurement } from "../../lib/run/protocol.ts";
import type { ReportedCell, ReportedResults } from "../../lib/report/results_shape.ts";

const GIB = 2 ** 30;

const COMMON = {
  attention: "eager",
  cache: "dynamic",
  allocator: "native",
  decode: "eager",
} as const;

/** A strategy with its defaults. */
export function strategy(use: TracedSpec["use"], name: string = use): TracedSpec {
  switch (use) {
    case "accelerate":
      return { ...COMMON, use, name, dtype: "bfloat16", deviceMap: "auto" };
    case "ds-inference":
      return {
        ...COMMON,
        use,
        name,
        dtype: "float16",
        kernelInject: true,
        checkpoint: "unsharded",
      };
    case "ds-zero":
      return { ...COMMON, use, name, dtype: "bfloat16", offload: "none", pinMemory: true };
  }
}

/** An interval around a value, 5 % to each side. */
export function interval(mid: number): Interval {
  return { low: 0.95 * mid, mid, high: 1.05 * mid };
}

/** What a cell of a builder says, in GiB, seconds and milliseconds. */
export interface CellFigures {
  readonly use: TracedSpec["use"];
  readonly name?: string;
  readonly batchSize: number;
  readonly axes?: PlanCell["axes"];
  readonly verdict?: Verdict;
  readonly peakGib?: number;
  readonly capacityGib?: number | null;
  readonly loadSeconds?: number;
  readonly msPerToken?: number;
  readonly causes?: readonly string[];
}

const REASONS: Readonly<Record<Verdict, string>> = {
  fits: "new: launched",
  tight: "new: launched",
  oom: "predicted to run out of memory: skipped",
  invalid: "invalid: not launched",
  unknown: "new: launched",
};

/** A cell of a plan. */
export function cell(figures: CellFigures): PlanCell {
  const { use, name = use, batchSize, axes = { batchSize }, verdict = "fits" } = figures;
  const id = `${name}/${Object.entries(axes).map(([axis, value]) => `${axis}=${value}`).join(",")}`;
  return {
    id,
    key: "0".repeat(64),
    strategy: strategy(use, name),
    axes,
    model: "bigscience/bloom",
    batchSize,
    promptTokens: Number(axes["promptTokens"] ?? 8),
    newTokens: 100,
    sessionId: verdict === "invalid" ? null : name,
    reason: REASONS[verdict],
    prediction: prediction(figures, verdict),
  };
}

function prediction(figures: CellFigures, verdict: Verdict): Prediction {
  const { peakGib = 47.1, capacityGib = 79.15, loadSeconds = 120, msPerToken = 31.8 } = figures;
  if (verdict === "invalid" || verdict === "unknown") {
    return {
      verdict,
      oomProbability: 0,
      largestBatch: null,
      causes: figures.causes ?? [],
      limit: null,
      devices: [],
      hosts: [],
      time: null,
    };
  }
  const peakBytes = interval(peakGib * GIB);
  const capacityBytes = capacityGib === null ? null : capacityGib * GIB;
  return {
    verdict,
    oomProbability: { fits: 0, tight: 0.3, oom: 0.99 }[verdict],
    largestBatch: 40,
    causes: figures.causes ?? [],
    limit: capacityBytes === null ? null : {
      resource: "device:0",
      phase: "decode",
      needBytes: peakBytes.mid,
      haveBytes: capacityBytes,
    },
    devices: [0, 1].map((index) => ({
      index,
      node: 0,
      weightsBytes: 38.9 * GIB,
      kvBytes: 6 * GIB,
      activationBytes: GIB,
      workspaceBytes: 0,
      contextBytes: GIB,
      communicationBytes: 0,
      loadPeakAllocatedBytes: 38.9 * GIB,
      peakAllocatedBytes: 46 * GIB,
      peakReservedBytes: 46.5 * GIB,
      allocatorRetries: 0,
      peakBytes: index === 0 ? peakBytes : interval(peakGib * GIB / 2),
      capacityBytes,
    })),
    hosts: [{
      node: 0,
      perRankBytes: 2 * GIB,
      pinnedBytes: 0,
      peakBytes: interval(9.6 * GIB),
      capacityBytes: 476.8 * GIB,
    }],
    time: {
      importSeconds: 6,
      weightsSeconds: loadSeconds - 6,
      loadSeconds: interval(loadSeconds),
      prefillMs: interval(210),
      msPerStep: interval(msPerToken * figures.batchSize),
      msPerToken: interval(msPerToken),
      msPerTokenPerStream: interval(msPerToken),
      tokensPerSecond: 1000 / msPerToken,
      streams: figures.use === "ds-zero" ? 8 : 1,
      bound: "memory",
      prefillBound: "memory",
    },
  };
}

/** A plan of these cells; one session for each strategy. */
export function plan(cells: readonly PlanCell[], changes: Partial<Plan> = {}): Plan {
  const names = [...new Set(cells.map((each) => each.strategy.name))];
  return {
    formatVersion: "1.0",
    tool: { name: "stowage", version: "0.1.0", workersSha256: "0".repeat(64) },
    pipeline: { name: "bloom-176b", path: "pipelines/bloom.yaml", sha256: "1".repeat(64) },
    inputs: [],
    model: {
      name: "bigscience/bloom",
      config: { model_type: "bloom" },
      weights: "on-device",
      parameters: 176_247_271_424,
    },
    hardware: {
      name: "jean-zay-a100-8",
      nodes: 1,
      devices: { count: 8, kind: "A100-SXM4-80GB", capacityBytes: 79.15 * GIB },
      memoryBytes: 512e9,
      diskBytesPerSecond: 3e9,
    },
    stack: {
      name: "2022-07",
      versions: {
        torch: "1.12.0",
        transformers: "4.20.1",
        accelerate: "0.11.0",
        deepspeed: "0.6.7",
      },
      runnable: false,
    },
    generate: { max_new_tokens: 100, do_sample: false },
    prompts: { source: "synthetic", texts: [] },
    budget: { predictedOom: "skip" },
    benchmark: { warmup: 1, cycles: 5, timeoutSeconds: 600 },
    seed: 0,
    sessions: names.map((name) => ({
      id: name,
      strategy: name,
      worldSize: name.startsWith("accelerate") ? 1 : 8,
      launch: {
        argv: ["{python}", `{workers}/${name}.py`, "{session}/request.json"],
        env: {},
        files: {},
      },
      cellIds: cells.filter((each) => each.sessionId === name).map((each) => each.id),
    })),
    cells,
    diagnostics: [],
    ...changes,
  };
}

/** What a cell came to. */
export interface MeasuredFigures {
  readonly status?: CellStatus;
  readonly peakGib?: number;
  readonly loadSeconds?: number;
  readonly msPerToken?: number;
  readonly tokenIds?: readonly number[];
  readonly tokensSha256?: string;
  readonly message?: string;
  readonly logPath?: string;
}

/** A cell with what became of it. */
export function reported(planned: PlanCell, figures: MeasuredFigures = {}): ReportedCell {
  const { status = "ok", message, logPath } = figures;
  return {
    ...planned,
    status,
    measurement: status === "ok" || status === "oom" ? measurement(planned, figures) : null,
    ...(message === undefined ? {} : { message }),
    ...(logPath === undefined ? {} : { logPath }),
  };
}

function measurement(planned: PlanCell, figures: MeasuredFigures): Measurement {
  const { status = "ok", peakGib = 46.4, loadSeconds = 121, msPerToken = 31.78 } = figures;
  return {
    devices: [0, 1].map((index) => ({
      index,
      node: 0,
      loadPeakAllocatedBytes: null,
      peakAllocatedBytes: null,
      peakReservedBytes: null,
      peakBytes: peakGib * GIB / (index + 1),
    })),
    hosts: [{ node: 0, peakBytes: 9.9 * GIB, pinnedBytes: 0 }],
    time: status !== "ok" ? null : {
      importSeconds: 6,
      weightsSeconds: loadSeconds - 6,
      loadSeconds,
      prefillMs: 200,
      msPerStep: msPerToken * planned.batchSize,
      msPerToken,
      msPerTokenPerStream: msPerToken,
      tokensPerSecond: 1000 / msPerToken,
      streams: planned.strategy.use === "ds-zero" ? 8 : 1,
      captureSeconds: null,
      generateSeconds: [1, 1, 1],
    },
    tokenIds: figures.tokenIds ?? [11, 12, 13],
    tokensSha256: status === "ok" ? figures.tokensSha256 ?? "a".repeat(64) : null,
    versions: { torch: "2.13.0", deepspeed: "0.19.8" },
  };
}

/** Results of these cells. */
export function results(
  cells: readonly ReportedCell[],
  changes: Partial<Plan> = {},
): ReportedResults {
  return { ...plan(cells, changes), cells };
}

/** The grid of the first published table, predictions made up. */
export function publishedGrid(): PlanCell[] {
  const figures: readonly (readonly [TracedSpec["use"], number, number, number, number])[] = [
    ["accelerate", 1, 41.2, 118, 228],
    ["accelerate", 8, 45.4, 118, 31.1],
    ["accelerate", 16, 50.9, 118, 17.2],
    ["accelerate", 32, 64.6, 118, 10.5],
    ["accelerate", 64, 88.6, 118, 7.2],
    ["ds-inference", 1, 50.1, 660, 39.1],
    ["ds-inference", 8, 51.4, 660, 5.02],
    ["ds-inference", 64, 60.8, 660, 0.93],
    ["ds-inference", 128, 71.1, 660, 0.64],
    ["ds-zero", 1, 54.2, 480, 281],
    ["ds-zero", 8, 76.2, 480, 35.2],
    ["ds-zero", 16, 82.5, 480, 17.6],
  ];
  return figures.map(([use, batchSize, peakGib, loadSeconds, msPerToken]) => {
    const verdict = peakGib > 79.15 ? "oom" : peakGib > 75 ? "tight" : "fits";
    const causes = verdict === "fits" ? [] : [
      `device 0 needs ${peakGib} GiB of 79.2 GiB in decode: weights 38.9 GiB, KV cache 47.8 GiB`,
    ];
    return cell({ use, batchSize, peakGib, loadSeconds, msPerToken, verdict, causes });
  });
}
