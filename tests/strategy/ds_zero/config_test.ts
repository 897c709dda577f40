import assert from "node:assert/strict";
import { zeroConfig, zeroSettings } from "../../../lib/strategy/ds_zero/config.ts";
import { catalogShape } from "../../model/shapes.ts";
import { dsZeroSpec, SHAPE } from "../contexts.ts";

Deno.test("the configuration is that of the BLOOM scripts, with bucket sizes from the hidden size", () => {
  const { hiddenSize } = SHAPE;
  assert.deepEqual(zeroConfig(dsZeroSpec({ dtype: "bfloat16" }), SHAPE, 8), {
    bf16: { enabled: true },
    zero_optimization: {
      stage: 3,
      overlap_comm: true,
      contiguous_gradients: true,
      reduce_bucket_size: hiddenSize * hiddenSize,
      stage3_prefetch_bucket_size: Math.floor(0.9 * hiddenSize * hiddenSize),
      stage3_param_persistence_threshold: 0,
    },
    steps_per_print: 2000,
    train_batch_size: 8,
    train_micro_batch_size_per_gpu: 1,
    wall_clock_breakdown: false,
  });
});

Deno.test("bucket sizes are whole numbers for every model of the catalog", () => {
  for (const name of ["bigscience/bloom-560m", "bigscience/bloom-3b", "bigscience/bloom"]) {
    const shape = catalogShape(name);
    const config = zeroConfig(dsZeroSpec(), shape, 1);
    const { reduce_bucket_size, stage3_prefetch_bucket_size } = config["zero_optimization"] as {
      reduce_bucket_size: number;
      stage3_prefetch_bucket_size: number;
    };
    assert.equal(reduce_bucket_size, shape.hiddenSize ** 2);
    assert.ok(Number.isInteger(stage3_prefetch_bucket_size));
    assert.ok(Math.abs(stage3_prefetch_bucket_size - 0.9 * shape.hiddenSize ** 2) < 1);
  }
});

Deno.test("only half precisions are switched on", () => {
  const of = (dtype: "float16" | "float32") => zeroConfig(dsZeroSpec({ dtype }), SHAPE, 1);
  assert.deepEqual(of("float16")["fp16"], { enabled: true });
  assert.ok(!("fp16" in of("float32")) && !("bf16" in of("float32")));
});

Deno.test("layers that are gathered whole are leaves, and the next one is gathered ahead", () => {
  const layer = { className: "BloomBlock", elements: 1234 };
  const of = (changes: Parameters<typeof dsZeroSpec>[0]) =>
    zeroConfig(dsZeroSpec(changes), SHAPE, 2, layer)["zero_optimization"] as Record<
      string,
      unknown
    >;
  const layered = of({ gather: "layer" });
  assert.deepEqual(layered["leaf_module"], { classes: ["BloomBlock"] });
  assert.equal(layered["stage3_prefetch_bucket_size"], 1234);
  assert.equal(layered["overlap_comm"], false);
  assert.equal(of({ gather: "layer", offload: "cpu" })["overlap_comm"], true);
  assert.equal(of({ gather: "module" })["overlap_comm"], true);
  assert.ok(!("leaf_module" in of({})) && !("leaf_module" in of({ gather: "module" })));
  const { leaves, prefetchBucket } = zeroSettings(
    dsZeroSpec({
      gather: "layer",
      config: {
        zero_optimization: {
          stage3_prefetch_bucket_size: 5,
          stage3_module_granularity_threshold: 7,
        },
      },
    }),
    SHAPE,
    2,
    layer,
  );
  assert.deepEqual(leaves, {
    classes: ["BloomBlock"],
    names: [],
    suffixes: [],
    granularity: 7,
  });
  assert.equal(prefetchBucket, 5);
});

Deno.test("offload names the device, whether memory is pinned, and the path of a drive", () => {
  const offload = (changes: Parameters<typeof dsZeroSpec>[0]) =>
    (zeroConfig(dsZeroSpec(changes), SHAPE, 1)["zero_optimization"] as Record<string, unknown>)[
      "offload_param"
    ];
  assert.equal(offload({}), undefined);
  assert.deepEqual(offload({ offload: "cpu", pinMemory: false }), {
    device: "cpu",
    pin_memory: false,
  });
  assert.deepEqual(offload({ offload: "nvme", nvmePath: "/nvme" }), {
    device: "nvme",
    pin_memory: true,
    nvme_path: "/nvme",
    buffer_size: 4e9,
  });
});

Deno.test("a buffer of the drive holds the largest parameter of the largest model", () => {
  const { vocabSize, hiddenSize } = catalogShape("bigscience/bloom");
  const { nvmeBufferElements } = zeroSettings(
    dsZeroSpec({ offload: "nvme", nvmePath: "/nvme" }),
    SHAPE,
    1,
  );
  assert.ok(nvmeBufferElements >= vocabSize * hiddenSize);
});

Deno.test("the user's own keys are merged over, objects key by key", () => {
  const config = zeroConfig(
    dsZeroSpec({
      config: {
        steps_per_print: 1,
        zero_optimization: { stage3_param_persistence_threshold: 100, sub_group_size: 5 },
        aio: { block_size: 3 },
        bf16: null,
      },
    }),
    SHAPE,
    2,
  );
  const zero = config["zero_optimization"] as Record<string, unknown>;
  assert.equal(config["steps_per_print"], 1);
  assert.equal(config["train_batch_size"], 2);
  assert.equal(zero["stage"], 3);
  assert.equal(zero["stage3_param_persistence_threshold"], 100);
  assert.equal(zero["sub_group_size"], 5);
  assert.deepEqual(config["aio"], { block_size: 3 });
  assert.equal(config["bf16"], null);
});

Deno.test("a hostile key of the user does not reach the prototype of objects", () => {
  const hostile = JSON.parse('{"__proto__": {"polluted": true}}');
  const config = zeroConfig(dsZeroSpec({ config: hostile }), SHAPE, 1);
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  assert.equal(config["polluted"], undefined);
});

Deno.test("the settings that decide memory are read as DeepSpeed reads them, with its defaults", () => {
  const settings = zeroSettings(dsZeroSpec(), SHAPE, 4);
  assert.equal(settings.prefetchBucket, Math.floor(0.9 * SHAPE.hiddenSize ** 2));
  assert.equal(settings.persistenceThreshold, 0);
  assert.deepEqual([settings.maxLive, settings.maxReuseDistance], [1e9, 1e9]);
  const config = {
    zero_optimization: {
      stage3_max_live_parameters: 5,
      stage3_model_persistence_threshold: 9,
      stage3_max_reuse_distance: "many",
    },
  };
  const changed = zeroSettings(dsZeroSpec({ config }), SHAPE, 4);
  assert.deepEqual([changed.maxLive, changed.modelPersistenceThreshold], [5, 2]);
  assert.equal(changed.maxReuseDistance, 1e9);
});
