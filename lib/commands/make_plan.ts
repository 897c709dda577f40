/** From a pipeline file to its plan, with diagnostics that know where in the file they belong. */
import { dirname, resolve } from "node:path";
import { diskReader, type FileReader } from "../catalog/files.ts";
import type { CalibrationFile } from "../catalog/speed_calibration.ts";
import { type Diagnostic, hasErrors } from "../diagnostics/diagnostic.ts";
import { sortDiagnostics } from "../diagnostics/sort.ts";
import { withPlaces } from "../language/places.ts";
import { compile } from "../plan/compile.ts";
import type { PlanContext } from "../plan/context.ts";
import type { Plan } from "../plan/plan.ts";
import type { Setups } from "../plan/setups.ts";
import { VERSION } from "../version.ts";
import type { PipelineInput } from "./input.ts";
import { readWorkerSources } from "./worker_sources.ts";

/** A plan, or why there is none. */
export interface PlanOutcome {
  readonly plan?: Plan;
  /** Those of the language too, in the order of the file. */
  readonly diagnostics: readonly Diagnostic[];
}

/** What a plan may be told beside its pipeline. */
export interface PlanOptions {
  /** Answers for the disk. */
  readonly files?: FileReader;
  /** Folder that relative paths of the pipeline start from, absolute. @default the folder of the pipeline */
  readonly baseDirectory?: string;
  /** Python interpreter; beats the pipeline's. */
  readonly python?: string;
  /** Versions by package; beat the pipeline's stack. */
  readonly stackVersions?: Readonly<Record<string, string>>;
  /** Search the largest batch of every configuration; costs about as much as the plan. @default {true} */
  readonly findLargestBatch?: boolean;
}

/** What the command line may tell beside: parts of the catalog, which are no part of the public API. */
export interface PlanSources extends PlanOptions, Pick<PlanContext, "frozenWeights"> {
  /** Speed constants of a kind of device, to use instead of those that ship for it. */
  readonly calibrationOf?: (kind: string) => CalibrationFile | undefined;
}

/**
 * Compiles what was read; the disk answers and paths start at the pipeline file where nothing else is said.
 *
 * @param setups Shared with who asks for more of the same pipeline.
 */
export async function makePlan(
  input: PipelineInput,
  options: PlanSources = {},
  setups?: Setups,
): Promise<PlanOutcome> {
  const { parsed, text, path } = input;
  if (parsed === undefined || text === undefined) return { diagnostics: input.diagnostics };
  const { value: plan, diagnostics: found } = await compile(
    { pipeline: parsed.pipeline, cells: parsed.cells, path, text },
    planContext(path, options),
    setups,
  );
  const placed = withPlaces(found, parsed.places);
  const diagnostics = sortDiagnostics([...input.diagnostics, ...placed]);
  if (plan === undefined || hasErrors(diagnostics)) return { diagnostics };
  return { plan: { ...plan, diagnostics }, diagnostics };
}

/** What planning needs from outside. */
export function planContext(path: string, options: PlanSources = {}): PlanContext {
  return {
    files: diskReader,
    baseDirectory: resolve(dirname(path)),
    toolVersion: VERSION,
    workerSources: readWorkerSources(),
    findLargestBatch: true,
    ...options,
  };
}
