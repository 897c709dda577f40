/** What a plan is made from besides the pipeline: passed in, so that planning stays pure. */
import type { FileReader } from "../catalog/files.ts";
import type { CalibrationFile } from "../catalog/speed_calibration.ts";

export interface PlanContext {
  readonly files: FileReader;
  /** Folder that relative paths of the pipeline start from, absolute. */
  readonly baseDirectory: string;
  readonly toolVersion: string;
  /** Source text of every worker script: part of the key of a cell. */
  readonly workerSources: string;
  /** Interpreter from the command line; beats the pipeline's. */
  readonly python?: string;
  /** Versions found by `--stack detected`; beat the pipeline's stack. */
  readonly stackVersions?: Readonly<Record<string, string>>;
  /** Speed constants of a kind of device, to use instead of those that ship for it. */
  readonly calibrationOf?: (kind: string) => CalibrationFile | undefined;
  /** Weights that ask for no gradients, as some measurements had them. @default {false} */
  readonly frozenWeights?: boolean;
  /** Search the largest batch of every configuration. Costs a few predictions each. */
  readonly findLargestBatch: boolean;
}
