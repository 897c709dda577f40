/** What ZeRO gathers, copies and drops at each call of a module, as DeepSpeed does it on two ranks. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { HfConfig } from "../../lib/language/pipeline.ts";
import { findFamily } from "../../lib/model/registry.ts";
import { traceGenerate } from "../../lib/model/generate.ts";
import type { StrategyContext } from "../../lib/strategy/strategy.ts";
import { Coordinator, type ModuleCall } from "../../lib/strategy/ds_zero/coordinator.ts";
import { GatherMemory } from "../../lib/strategy/ds_zero/gather.ts";
import { hookedModules } from "../../lib/strategy/ds_zero/hooked_modules.ts";
import { placeZero, type ZeroWeight } from "../../lib/strategy/ds_zero/place.ts";
import { generationOf } from "../../lib/strategy/generation.ts";
import type { Tensor, TraceSink } from "../../lib/trace/trace.ts";
import { dsZeroSpec, strategyContext } from "../strategy/contexts.ts";
import { realEnvironment } from "./environment.ts";

interface Case {
  readonly name: string;
  readonly config: HfConfig;
  readonly zero: Readonly<Record<string, unknown>>;
  readonly passes: number;
}

const SIZES = { vocab_size: 500, hidden_size: 64, bos_token_id: 1, eos_token_id: 2 };
const LLAMA = { ...SIZES, intermediate_size: 160, num_hidden_layers: 3, num_attention_heads: 4 };
const BLOOM = { ...SIZES, model_type: "bloom", n_layer: 4, n_head: 4 };
const CONFIGS: readonly HfConfig[] = [
  BLOOM,
  { ...LLAMA, model_type: "llama", num_key_value_heads: 2 },
  { ...LLAMA, model_type: "qwen3", num_key_value_heads: 2, head_dim: 16 },
  { ...SIZES, model_type: "gpt2", n_embd: 64, n_layer: 3, n_head: 4, n_positions: 64 },
  { ...LLAMA, model_type: "gpt_neox", max_position_embeddings: 64 },
  { ...LLAMA, model_type: "opt", ffn_dim: 160, word_embed_proj_dim: 64 },
];

type Limits = readonly [bucket: number, live: number, reuse: number];

/** Prefetching that a bucket ends, one that the limit ends, and none. */
const LIMITS: readonly Limits[] = [[5000, 1e9, 0], [3000, 60_000, 0], [1e9, 1e9, 1e9], [0, 1e9, 0]];

function caseOf(config: HfConfig, [bucket, live, reuse]: Limits): Case {
  return {
    name: `${config["model_type"]}, ${[bucket, live, reuse].join(" ")}`,
    config,
    zero: {
      stage3_prefetch_bucket_size: bucket,
      stage3_max_live_parameters: live,
      stage3_max_reuse_distance: reuse,
    },
    passes: 3,
  };
}

/** The same with leaves. */
function leafCase(config: HfConfig, limits: Limits, leaves: Case["zero"]): Case {
  const plain = caseOf(config, limits);
  const name = `${plain.name}, ${JSON.stringify(leaves)}`;
  return { ...plain, name, zero: { ...plain.zero, ...leaves } };
}

const CASES: readonly Case[] = [
  ...LIMITS.map((limits) => caseOf(BLOOM, limits)),
  ...CONFIGS.slice(1).map((config) => caseOf(config, LIMITS[1] as Limits)),
  ...LIMITS.map((limits) => leafCase(BLOOM, limits, { leaf_module: { classes: ["BloomBlock"] } })),
  leafCase(CONFIGS[1] as HfConfig, LIMITS[1] as Limits, {
    leaf_module: { name_suffixes: ["mlp"] },
  }),
  // A tied embedding stays where those between its uses are leaves, and nothing is gathered ahead beside it.
  ...[70_000, 90_000].flatMap((reuse) =>
    [CONFIGS[0], { ...LLAMA, model_type: "llama", tie_word_embeddings: true }].map((config) =>
      leafCase(config as HfConfig, [30_000, 60_000, reuse], {
        leaf_module: { classes: ["BloomBlock", "LlamaDecoderLayer"] },
      })
    )
  ),
  ...[20_000, 40_000, 60_000, 90_000].map((reuse) =>
    leafCase(CONFIGS[1] as HfConfig, [5000, 1e9, reuse], {
      leaf_module: { name_suffixes: ["mlp"] },
    })
  ),
  // Layers have 5553 parameters for each of their modules, attention alone 5546.
  leafCase(BLOOM, LIMITS[1] as Limits, { stage3_module_granularity_threshold: 5553 }),
  leafCase(BLOOM, LIMITS[1] as Limits, { stage3_module_granularity_threshold: 5552 }),
];

type Events = readonly (readonly string[])[];

async function real(cases: readonly Case[]): Promise<readonly Events[]> {
  const { python } = await realEnvironment();
  const folder = Deno.makeTempDirSync({ prefix: "stowage-gathers-" });
  try {
    const request = join(folder, "request.json");
    Deno.writeTextFileSync(request, JSON.stringify(cases));
    const script = new URL("./zero_gathers.py", import.meta.url).pathname;
    const ranks = ["-m", "torch.distributed.run", "--nproc_per_node", "2"];
    const { code, stdout, stderr } = await new Deno.Command(python, {
      args: [...ranks, script, request],
      env: { DS_ACCELERATOR: "cpu", LOCAL_SIZE: "2", OMP_NUM_THREADS: "1", HF_HUB_OFFLINE: "1" },
    }).output();
    const decoder = new TextDecoder();
    assert.equal(code, 0, decoder.decode(stderr));
    const line = decoder.decode(stdout).split("\n").find((line) => line.startsWith("RESULT "));
    assert.ok(line !== undefined, decoder.decode(stdout));
    return JSON.parse(line.slice("RESULT ".length));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function contextOf(config: HfConfig): StrategyContext {
  const family = findFamily(String(config["model_type"]));
  const shape = family?.shape(config).value;
  assert.ok(family !== undefined && shape !== undefined);
  const root = family.modules(shape);
  return { ...strategyContext({ use: "ds-zero", shape }), family, root };
}

/** Writes what a trace gathers as the script does. */
class EventWriter implements TraceSink {
  readonly passes: string[][] = [];
  readonly #names: string[] = [];
  readonly #alive = new Set<number>();

  beginPhase(): void {}

  allocate({ name }: Tensor): number {
    const short = name === "gathered together" ? "all" : name.replace(" (gathered)", "");
    this.passes.at(-1)?.push(`allocate ${short}`);
    const handle = this.#names.push(short) - 1;
    this.#alive.add(handle);
    return handle;
  }

  free(handle: number): void {
    this.passes.at(-1)?.push(`free ${this.#names[handle]}`);
    this.#alive.delete(handle);
  }

  run(): void {}

  /** All that is in memory while a module runs. */
  noteAlive(): void {
    const names = [...this.#alive].map((handle) => this.#names[handle]);
    this.passes.at(-1)?.push(`alive ${names.sort().join()}`);
  }
}

const NOTHING: TraceSink = { beginPhase() {}, allocate: () => 0, free() {}, run() {} };

function traced({ config, zero, passes }: Case): Events {
  const context = contextOf(config);
  const spec = dsZeroSpec({ dtype: "float32", config: { zero_optimization: zero } });
  const { value } = placeZero(spec, context);
  assert.ok(value);
  const { weights, settings, ranks } = value;
  const events = new EventWriter();
  const memory = new GatherMemory({ ranks, offload: "none", isCpu: false, overlaps: true }, events);
  const coordinator = new Coordinator(weights, settings, memory);
  const hooks = hookedModules(context.root, value, {
    beginPass() {
      coordinator.beginPass();
      events.passes.push([]);
    },
    enter(call: ModuleCall<ZeroWeight>) {
      const names = call.parameters.map(({ name }) => name);
      events.passes.at(-1)?.push(`call ${names.sort().join()}`);
      coordinator.enter(call);
      events.noteAlive();
    },
    leave: (call) => coordinator.leave(call),
  });
  const workload = { batchSize: 2, promptTokens: 4, newTokens: 1 };
  for (let pass = 0; pass < passes; pass++) {
    traceGenerate(
      context.family,
      context.shape,
      generationOf(spec, context, workload, 1),
      hooks,
      NOTHING,
    );
  }
  return events.passes;
}

/** Parameters of one module are waited for and dropped in the order of a set of Python, which means nothing. */
function byCall(events: readonly string[]): string[] {
  const calls: string[][] = [];
  for (const event of events) {
    if (event.startsWith("call ") || calls.length === 0) calls.push([event]);
    else calls.at(-1)?.push(event);
  }
  return calls.flatMap(([call = "", ...rest]) => [call, ...rest.sort()]);
}

Deno.test("gathers, copies and releases follow each other as in DeepSpeed on two ranks, and the same is alive", async (t) => {
  const measured = await real(CASES);
  for (const [index, each] of CASES.entries()) {
    await t.step(each.name, () => {
      const found = traced(each);
      const passes = measured[index] as Events;
      assert.equal(passes.length, each.passes);
      for (const [number, pass] of passes.entries()) {
        assert.ok(pass.length > 50);
        assert.deepEqual(byCall(found[number] ?? []), byCall(pass), `pass ${number}`);
      }
    });
  }
});
