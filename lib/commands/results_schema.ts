/** The parts of results.json that the tables read, checked before they are read: the file may be anything. */
import * as z from "zod";
import type { ReportedResults } from "../report/results_shape.ts";

const number = z.number();
const numberOrNull = z.number().nullable();
const text = z.string();
const axisValue = z.union([z.string(), z.number(), z.boolean()]);
const interval = z.looseObject({ low: number, mid: number, high: number });
const namedTexts = z.record(z.string(), z.string());

const prediction = z.looseObject({
  verdict: z.enum(["fits", "tight", "oom", "invalid", "unknown"]),
  oomProbability: number,
  largestBatch: numberOrNull.optional(),
  causes: z.array(text),
  limit: z.looseObject({ resource: text, phase: text, needBytes: number, haveBytes: number })
    .nullable(),
  devices: z.array(
    z.looseObject({ index: number, peakBytes: interval, capacityBytes: numberOrNull }),
  ),
  hosts: z.array(z.looseObject({ node: number, peakBytes: interval })),
  time: z.looseObject({
    loadSeconds: interval,
    prefillMs: interval,
    msPerStep: interval,
    msPerToken: interval,
    msPerTokenPerStream: interval,
  }).nullable(),
});

const measurement = z.looseObject({
  devices: z.array(z.looseObject({ index: number, peakBytes: number })),
  hosts: z.array(z.looseObject({ node: number, peakBytes: number })),
  time: z.looseObject({
    loadSeconds: numberOrNull,
    prefillMs: numberOrNull,
    msPerStep: numberOrNull,
    msPerToken: number,
    msPerTokenPerStream: number,
    msPerTokenMin: number.optional(),
    msPerTokenMax: number.optional(),
    tokensPerSecond: number,
    streams: number,
    generateSeconds: z.array(number).optional(),
  }).nullable(),
  tokenIds: z.array(number),
  tokensSha256: text.nullable(),
  versions: namedTexts,
});

const cell = z.looseObject({
  id: text,
  strategy: z.looseObject({ use: text, name: text, dtype: text }),
  axes: z.record(z.string(), axisValue),
  model: text,
  batchSize: number,
  promptTokens: number,
  newTokens: number,
  sessionId: text.nullable(),
  reason: text,
  prediction,
  status: z.enum(["ok", "oom", "host-oom", "timeout", "crashed", "skipped", "interrupted"]),
  measurement: measurement.nullable(),
  message: text.nullable().optional(),
  logPath: text.nullable().optional(),
});

const results = z.looseObject({
  loadedOtherwise: text.optional(),
  remarks: namedTexts.optional(),
  formatVersion: z.string().regex(
    /^1\./,
    "a format version that this version of Stowage reads (1.x)",
  ),
  pipeline: z.looseObject({ name: text, path: text }),
  model: z.looseObject({ name: text, weights: text, parameters: number }),
  hardware: z.looseObject({
    name: text.optional(),
    nodes: number,
    devices: z.looseObject({ count: number, kind: text, capacityBytes: numberOrNull }),
    memoryBytes: number.optional(),
    diskBytesPerSecond: number.optional(),
  }),
  stack: z.looseObject({ name: text, runnable: z.boolean(), versions: namedTexts }),
  budget: z.looseObject({ deviceBytes: number.optional(), hostBytes: number.optional() }),
  benchmark: z.looseObject({ warmup: number, cycles: number }),
  sessions: z.array(z.looseObject({ id: text })),
  cells: z.array(cell),
});

/** Results as reports read them, or in words the first part that is wrong. */
export function checkResults(
  value: unknown,
): { readonly results: ReportedResults } | { readonly problem: string } {
  const parsed = results.safeParse(value);
  if (parsed.success) return { results: parsed.data as unknown as ReportedResults };
  const [issue] = parsed.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? "the file" : issue.path.join(".");
  return { problem: `${where} is wrong: ${issue?.message ?? "not results"}` };
}
