/** What is asked of the Python environment, and what it turns out to be. */
import type { PlanStack } from "../../plan/plan.ts";

/** Which environment a run needs, and where it may be made. */
export interface EnvironmentRequest {
  readonly stack: PlanStack;
  /** An interpreter that has the stack already: nothing is installed then. */
  readonly python?: string;
  /** Whether `python` may have other versions than the stack. */
  readonly anyVersions: boolean;
  readonly needsDeepspeed: boolean;
  /** DeepSpeed compiles operators for its CPU backend only. @default "cpu" */
  readonly device?: "cpu" | "cuda";
  /**
   * A package index beside pip's own, for another build of torch: `https://download.pytorch.org/whl/cpu`. pip prefers
   * a release with a build tag (`2.13.0+cpu`) to one without, so this index wins.
   */
  readonly torchIndex?: string;
  /** Absolute. */
  readonly cacheDirectory: string;
  /** Absolute. */
  readonly workersDirectory: string;
  /** Told in one line each what takes long. */
  readonly say: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** An environment in which the workers can run. */
export interface PythonEnvironment {
  /** Absolute path of the interpreter. */
  readonly python: string;
  /** `3.11.4` */
  readonly pythonVersion: string;
  /** Package name to version, build tag included. */
  readonly versions: Readonly<Record<string, string>>;
  /** What TORCH_EXTENSIONS_DIR must be: where DeepSpeed's compiled operators are. */
  readonly extensionsDirectory: string;
  /** Whether this call installed it. */
  readonly created: boolean;
}
