/**
 * What other tools answer for cells that were measured on GPUs, beside the prediction that was made before the run: the
 * peak of a device, and whether the cell fits under its cap. Run it with the Python of an environment of this tool:
 * deno run -A bench/other_tools.ts PYTHON > docs/other_tools.md
 */
import { fileURLToPath } from "node:url";
import type { MeasuredCell, MeasuredSet } from "../lib/accuracy/measured.ts";
import { median } from "../lib/accuracy/quantile.ts";
import { readMeasured } from "../lib/commands/measured_input.ts";
import type { HfConfig } from "../lib/language/pipeline.ts";
import { findFamily } from "../lib/model/registry.ts";
import { renderMarkdown } from "../lib/report/document.ts";
import { measure } from "./processes.ts";

const FILES = [
  "h100-bloom-560m",
  "h100-bloom-3b",
  "h100-bloom-7b1",
  "h100-bloom-7b1-decode",
  "h100-llama-1b",
  "h100-llama-8b",
  "h100-x2-bloom-7b1",
  "h200-x2-bloom-7b1",
  "h200-x2-bloom-176b-36l",
];
/** "Expect to add up to an additional 20 %": the documentation of accelerate's estimator, and EleutherAI's rule. */
const OVERHEAD = 1.2;
const BF16_BYTES = 2;

/**
 * `accelerate estimate-memory` and DeepSpeed's `estimate_zero3_model_states_mem_needs_all_live` once they have a
 * model: made on the meta device here, since both would fetch it from a hub.
 */
const ESTIMATORS = `
import json, sys
import torch
from accelerate.utils import calculate_maximum_sizes
from deepspeed.runtime.zero.stage3 import estimate_zero3_model_states_mem_needs, model_to_params
from transformers import AutoConfig, AutoModelForCausalLM
answers = []
for config in json.loads(sys.argv[1]):
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
    total, _ = calculate_maximum_sizes(model)
    parameters, largest = model_to_params(model)
    answers.append({"float32Bytes": total, "parameters": parameters, "largest": largest, "zero3": {
        gpus: estimate_zero3_model_states_mem_needs(parameters, largest, gpus, 1, False, False, True)[1]
        for gpus in (1, 2)
    }})
print("ANSWERS" + json.dumps(answers))
`;

interface Answers {
  readonly float32Bytes: number;
  readonly zero3: Readonly<Record<string, number>>;
}

interface Case {
  readonly set: MeasuredSet;
  readonly measured: MeasuredCell;
  readonly config: HfConfig;
  readonly answers: Answers;
}

/** A tool: bytes of the fullest device, or undefined where it has no answer. */
interface Tool {
  readonly name: string;
  readonly bytes: (item: Case) => number | undefined;
}

/** Devices that one copy of the model is spread over, which no estimator asks for: divided in their favour. */
function devicesOf({ measured }: Case): number {
  return measured.stored?.devices.length ?? 1;
}

function accelerateBytes(item: Case): number {
  return item.answers.float32Bytes / 4 * BF16_BYTES / devicesOf(item);
}

/** Keys and values of every token, shared by the devices. */
function cacheBytes(item: Case): number {
  const { cell } = item.measured;
  const { value: shape } = findFamily(String(item.config["model_type"]))?.shape(item.config) ?? {};
  if (shape === undefined) throw new Error("A model that was measured has no family");
  const tokens = cell.batchSize * (cell.promptTokens + cell.newTokens);
  const perToken = 2 * shape.layers * shape.kvHeads * shape.headDim * BF16_BYTES;
  // Every rank of ZeRO holds a cache of its own.
  return tokens * perToken / (cell.strategy.use === "ds-zero" ? 1 : devicesOf(item));
}

const TOOLS: readonly Tool[] = [
  {
    name: "Stowage, before the run",
    bytes: ({ measured }) =>
      Math.max(...measured.stored?.devices.map(({ peakBytes }) => peakBytes.mid) ?? []),
  },
  { name: "accelerate estimate-memory", bytes: accelerateBytes },
  { name: "the same and 20 %", bytes: (item) => OVERHEAD * accelerateBytes(item) },
  {
    name: "the same, 20 % and the KV cache",
    bytes: (item) => OVERHEAD * accelerateBytes(item) + cacheBytes(item),
  },
  {
    name: "DeepSpeed estimate_zero3_model_states_mem_needs",
    bytes: (item) =>
      item.measured.cell.strategy.use === "ds-zero"
        ? item.answers.zero3[devicesOf(item)]
        : undefined,
  },
];

async function readCases(python: string): Promise<Case[]> {
  const paths = FILES.map((name) =>
    fileURLToPath(new URL(`../fixtures/measurements/${name}.json`, import.meta.url))
  );
  const { sets } = readMeasured(paths);
  const configs = sets.map(({ pipeline }) => pipeline.model.config ?? {});
  const { stdout } = await measure(["-c", ESTIMATORS, JSON.stringify(configs)], 1, python);
  const answers: Answers[] = JSON.parse(stdout.slice(stdout.indexOf("ANSWERS") + 7));
  return sets.flatMap((set, index) =>
    set.cells.flatMap((measured): Case[] => {
      const [config, own] = [configs[index], answers[index]];
      if (config === undefined || own === undefined) return [];
      const { strategy } = measured.cell;
      const isOffloaded = strategy.use === "ds-zero" && strategy.offload !== "none";
      return isOffloaded ? [] : [{ set, measured, config, answers: own }];
    })
  );
}

function capOf({ measured }: Case): number {
  return measured.stored?.devices[0]?.capacityBytes ?? Infinity;
}

function predictsOom(tool: Tool, item: Case, bytes: number): boolean {
  const { stored } = item.measured;
  if (tool === TOOLS[0] && stored !== undefined) return stored.oomProbability >= 0.5;
  return bytes > capOf(item);
}

function rowOf(tool: Tool, cases: readonly Case[]): string[] {
  const answered = cases.flatMap((item) => {
    const bytes = tool.bytes(item);
    return bytes === undefined ? [] : [{ item, bytes, oom: predictsOom(tool, item, bytes) }];
  });
  const errors = answered.flatMap(({ item, bytes }) => {
    const peak = Math.max(...item.measured.values.peakBytes ?? []);
    return item.measured.status === "ok" && peak > 0 ? [Math.abs(bytes / peak - 1)] : [];
  });
  const died = answered.filter(({ item }) => item.measured.status !== "ok");
  const lived = answered.filter(({ item }) => item.measured.status === "ok");
  const percent = (part: number) => `${(100 * part).toFixed(1)} %`;
  return [
    tool.name,
    String(answered.length),
    percent(median(errors)),
    percent(Math.max(...errors)),
    `${died.filter(({ oom }) => oom).length} of ${died.length}`,
    `${lived.filter(({ oom }) => oom).length} of ${lived.length}`,
  ];
}

const [python] = Deno.args;
if (python === undefined) throw new Error("Name the Python of an environment");
const cases = await readCases(python);
const headers = ["tool", "cells", "median error", "worst", "OOM foretold", "false alarms"];
console.log(renderMarkdown([
  { kind: "title", text: "What other tools answer for the same cells" },
  {
    kind: "paragraph",
    text:
      `The ${cases.length} cells without offload that ended on one and two H100s and on two H200s (docs/gpu.md), in bfloat16, many of ` +
      "them near a cap; the error is that of the peak that NVML saw on the fullest device, over the cells that fitted. " +
      "Accelerate's estimator (1.15.0) knows neither batch nor devices: its answer is divided by the devices. DeepSpeed's " +
      "(0.19.8) counts gradients and optimizer states, which inference has not. Written by bench/other_tools.ts.",
  },
  {
    kind: "table",
    table: {
      columns: headers.map((header, index) => ({ header, align: index === 0 ? "left" : "right" })),
      rows: TOOLS.map((tool) => rowOf(tool, cases)),
    },
  },
]));
