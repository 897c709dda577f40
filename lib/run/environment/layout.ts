/** Where the environment of a stack is in the cache. */
import { join } from "node:path";
import { hashJson } from "../../plan/hash.ts";
import type { DetectReport } from "../protocol.ts";
import type { EnvironmentRequest } from "./types.ts";

/** The files of one environment. Lock and log are beside its folder, because that is removed when it is half made. */
export interface EnvironmentPlace {
  /** The virtual environment. */
  readonly folder: string;
  readonly python: string;
  readonly requirements: string;
  readonly extensionsDirectory: string;
  readonly lockPath: string;
  readonly logPath: string;
}

/** A list of pinned packages. */
export interface Requirements {
  readonly path: string;
  readonly text: string;
}

/** The list of packages of a stack, or undefined where there is none. */
export function readRequirements(
  { stack, workersDirectory }: Pick<EnvironmentRequest, "stack" | "workersDirectory">,
): Requirements | undefined {
  if (!/^[\w.-]+$/.test(stack.name)) return undefined; // a name out of a plan file must not lead elsewhere
  const path = join(workersDirectory, "requirements", `${stack.name}.txt`);
  try {
    return { path, text: Deno.readTextFileSync(path) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The folder with all environments of a cache. */
export function environmentsFolder(cacheDirectory: string): string {
  return join(cacheDirectory, "environments");
}

/**
 * The place of an environment: another for every list of packages, index of torch and minor version of Python, so that
 * a new release of Stowage does not alter the environment of an old one.
 *
 * @param pythonVersion `3.11.4`
 */
export function environmentPlace(
  { stack, cacheDirectory, torchIndex }: EnvironmentRequest,
  requirements: Requirements,
  pythonVersion: string,
): EnvironmentPlace {
  const minor = pythonVersion.split(".").slice(0, 2).join(".");
  const index = torchIndex === undefined ? [] : [torchIndex];
  const key = hashJson([requirements.text, minor, ...index]).slice(0, 12);
  const folder = join(environmentsFolder(cacheDirectory), `${stack.name}-${key}`);
  return {
    folder,
    python: join(folder, "bin", "python"),
    requirements: requirements.path,
    extensionsDirectory: join(folder, "torch_extensions"),
    lockPath: `${folder}.lock`,
    logPath: `${folder}.log`,
  };
}

/**
 * The place of the operators for an interpreter that Stowage did not install: they fit one version of torch only.
 *
 * @param python Absolute path.
 */
export function foreignExtensions(
  cacheDirectory: string,
  python: string,
  report: DetectReport,
): Pick<EnvironmentPlace, "extensionsDirectory" | "lockPath" | "logPath"> {
  const key = hashJson([python, report.python, report.versions]).slice(0, 12);
  const folder = join(cacheDirectory, "extensions", key);
  return { extensionsDirectory: folder, lockPath: `${folder}.lock`, logPath: `${folder}.log` };
}
