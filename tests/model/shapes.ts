/** Shapes and passes for tests of the model families. */
import { findModel } from "../../lib/catalog/model_facts.ts";
import { bloom } from "../../lib/model/bloom.ts";
import type { Execution, ForwardPass, ModelShape } from "../../lib/model/family.ts";
import type { Dtype } from "../../lib/language/pipeline.ts";
import { type Runtime, runtimeOf } from "../../lib/model/runtime.ts";
import { Torch } from "../../lib/model/torch.ts";
import type { TraceSink } from "../../lib/trace/trace.ts";

/** The shape of a config that is meant to be valid. */
export function bloomShape(config: Readonly<Record<string, unknown>>): ModelShape {
  const { value, diagnostics } = bloom.shape(config);
  if (value === undefined) throw new Error(JSON.stringify(diagnostics));
  return value;
}

/** The shape of a model of the catalog. */
export function catalogShape(name: string): ModelShape {
  const model = findModel(name);
  if (model === undefined) throw new Error(`No model "${name}"`);
  return bloomShape(model.config);
}

/** A shape to compute by hand with. */
export const TINY: ModelShape = bloomShape({
  vocab_size: 100,
  hidden_size: 16,
  n_layer: 3,
  n_head: 4,
});

/** A GPU with the library versions that Stowage installs. */
export function testRuntime(
  dtype: Dtype = "float32",
  changes: Partial<Runtime> & { readonly transformers?: string } = {},
): Runtime {
  const { transformers = "4.57.3", ...rest } = changes;
  const stack = { name: "test", versions: { torch: "2.13.0", transformers }, runnable: false };
  return { ...runtimeOf({ dtype }, { kind: "A100", type: "gpu" }, stack), ...rest };
}

/** Operators that write to a sink. */
export function torchOn(sink: TraceSink, runtime: Runtime = testRuntime()): Torch {
  return new Torch(sink, runtime);
}

/** A pass on one device, changed as told. */
export function pass(changes: Partial<ForwardPass>): ForwardPass {
  return {
    batch: 1,
    query: 1,
    past: 0,
    tensorParallel: 1,
    cache: [],
    ...changes,
  };
}

/** An execution on device 0 that notes which modules it enters and leaves, and what is summed over ranks. */
export function notingExecution(changes: Partial<Execution> = {}): {
  execution: Execution;
  entered: [module: string, inputBytes: number][];
  left: string[];
  reduced: number[];
} {
  const entered: [string, number][] = [];
  const left: string[] = [];
  const reduced: number[] = [];
  const execution: Execution = {
    deviceOf: () => 0,
    enter: (module, inputBytes) => void entered.push([module, inputBytes]),
    leave: (module) => void left.push(module),
    allReduce: (_device, bytes) => void reduced.push(bytes),
    lmHeadSplit: false,
    ...changes,
  };
  return { execution, entered, left, reduced };
}
