/**
 * Strategies on hardware, each settled and placed once: what tries many changes of a pipeline asks for the same
 * combinations again and again, and a placement keeps what was compiled and replayed for it.
 */
import type { CellSpec, Pipeline, StrategySpec } from "../language/pipeline.ts";
import type { Workload } from "../strategy/strategy.ts";
import { type Configuration, configure, predict, workloadMistakes } from "./configuration.ts";
import type { PlanContext } from "./context.ts";
import { excessOf } from "./largest_batch.ts";
import { nearMemory, tensorNeedOnce } from "./predict_memory.ts";
import type { Prediction } from "./prediction.ts";
import { compileAlone } from "./programs.ts";
import { resolve, type Resolved, withHardware } from "./resolve.ts";
import { judge } from "./verdict.ts";

/** How far a strategy on hardware is beyond a limit, as `excessOf` says it; asked once for each workload. */
export interface Fit {
  /** By the tensors alone, which are added up quickly: no allocator can do with less. */
  readonly tensors: (workload: Workload) => number;
  /** Replayed through the allocator where the tensors fit. */
  readonly whole: (workload: Workload) => number;
}

/** All pipelines that are asked for differ in their hardware and budget alone. */
export class Setups {
  readonly #context: PlanContext;
  readonly #resolved = new Map<string, Resolved | undefined>();
  readonly #configurations = new Map<string, Configuration | undefined>();
  readonly #fits = new Map<Configuration, Fit>();

  constructor(context: PlanContext) {
    this.#context = { ...context, findLargestBatch: false };
  }

  /** Undefined where the pipeline names what does not exist. */
  configuration(strategy: StrategySpec, pipeline: Pipeline): Configuration | undefined {
    const place = placeOf(pipeline);
    const key = `${JSON.stringify(strategy)} ${place}`;
    if (!this.#configurations.has(key)) {
      if (!this.#resolved.has(place)) this.#resolved.set(place, this.#resolve(pipeline));
      const resolved = this.#resolved.get(place);
      this.#configurations.set(key, resolved && configure(strategy, pipeline, resolved));
    }
    return this.#configurations.get(key);
  }

  #resolve(pipeline: Pipeline): Resolved | undefined {
    const [other] = this.#resolved.values();
    return other === undefined
      ? resolve(pipeline, this.#context).value
      : withHardware(other, pipeline, this.#context);
  }

  /** Undefined where the strategy is impossible there. */
  fit(strategy: StrategySpec, pipeline: Pipeline): Fit | undefined {
    const configuration = this.configuration(strategy, pipeline);
    if (configuration === undefined) return undefined;
    const known = this.#fits.get(configuration);
    const fit = known ?? fitOf(configuration);
    if (known === undefined && fit !== undefined) this.#fits.set(configuration, fit);
    return fit;
  }

  /** The prediction of one cell; undefined where it is impossible. */
  predict(cell: CellSpec, pipeline: Pipeline): Prediction | undefined {
    const configuration = this.configuration(cell.strategy, pipeline);
    if (configuration?.placement === undefined) return undefined;
    if (workloadMistakes(cell, configuration).length > 0) return undefined;
    return predict(cell, configuration, configuration.placement, this.#context);
  }
}

function placeOf({ hardware, budget }: Pipeline): string {
  return JSON.stringify([hardware, budget]);
}

function fitOf({ placement, context }: Configuration): Fit | undefined {
  if (placement === undefined) return undefined;
  const tensors = remembered((workload) =>
    excessOf(judge(tensorNeedOnce(placement, workload, context)))
  );
  const whole = remembered((workload) => {
    const excess = tensors(workload);
    if (excess > 0) return excess;
    compileAlone(placement, workload);
    return excessOf(judge(nearMemory(placement, workload, context)));
  });
  return { tensors, whole };
}

function remembered(excess: (workload: Workload) => number): (workload: Workload) => number {
  const known = new Map<string, number>();
  return (workload) => {
    const { batchSize, promptTokens, newTokens } = workload;
    const key = `${batchSize} ${promptTokens} ${newTokens}`;
    let found = known.get(key);
    if (found === undefined) known.set(key, found = excess(workload));
    return found;
  };
}
