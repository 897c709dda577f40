/** Gives a run the Python environment that it needs: one that is there, or one that is made for it. */
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { reasonOf } from "../../catalog/json_file.ts";
import type { Diagnostic, Outcome } from "../../diagnostics/diagnostic.ts";
import { cacheNotWritable, stackNotInstallable } from "../../diagnostics/messages/environment.ts";
import type { DetectReport } from "../protocol.ts";
import { compareVersions, detectVersions } from "./detect.ts";
import { compilerObstacles } from "./compiler.ts";
import { warmExtensions } from "./extensions.ts";
import { installEnvironment } from "./install.ts";
import {
  type EnvironmentPlace,
  environmentPlace,
  foreignExtensions,
  readRequirements,
} from "./layout.ts";
import { withLock } from "./lock.ts";
import { askInterpreter, findInterpreter, type Interpreter } from "./interpreter.ts";
import { readMarker, writeMarker } from "./marker.ts";
import type { EnvironmentRequest, PythonEnvironment } from "./types.ts";

/**
 * The environment for a run. Without `python` it is the one of the stack in the cache, which is installed when it is
 * missing and made again when it is half made; engines that want the same one take turns. With `python` nothing is
 * installed, and its versions must be those of the stack. Either way DeepSpeed's CPU operators are compiled when the
 * run needs them.
 *
 * @returns The environment, or what stands in the way (STW4xx); an interruption counts as that (STW418).
 */
export async function prepareEnvironment(
  request: EnvironmentRequest,
): Promise<Outcome<PythonEnvironment>> {
  try {
    return request.python === undefined
      ? await prepareOwn(request)
      : await prepareForeign(request, request.python);
  } catch (error) {
    if (!isFileError(error)) throw error;
    const { cacheDirectory } = request;
    return { diagnostics: [cacheNotWritable({ path: cacheDirectory, reason: reasonOf(error) })] };
  }
}

async function prepareOwn(request: EnvironmentRequest): Promise<Outcome<PythonEnvironment>> {
  const requirements = readRequirements(request);
  if (requirements === undefined) {
    return { diagnostics: [stackNotInstallable({ stack: request.stack.name })] };
  }
  const { value: base, diagnostics } = await findInterpreter();
  if (base === undefined) return { diagnostics };
  const place = environmentPlace(request, requirements, base.version);
  await Deno.mkdir(dirname(place.folder), { recursive: true });
  return await withLock(place.lockPath, request.say, async () => {
    const present = await readyReport(place, request);
    const installed = present === undefined
      ? await makeAnew(place, base, request)
      : { value: present, diagnostics: [] };
    if (installed.value === undefined) return { diagnostics: installed.diagnostics };
    return await finish(installed.value, place, request, present === undefined);
  }, request.signal);
}

async function prepareForeign(
  request: EnvironmentRequest,
  python: string,
): Promise<Outcome<PythonEnvironment>> {
  const { cacheDirectory, workersDirectory, say, signal } = request;
  const interpreter = await askInterpreter(python);
  const detected = await detectVersions(python, workersDirectory);
  if (interpreter.value === undefined || detected.value === undefined) {
    return { diagnostics: [...interpreter.diagnostics, ...detected.diagnostics].slice(0, 1) };
  }
  const report = detected.value;
  const obstacles = compareVersions(report, request, python);
  if (obstacles.length > 0) return { diagnostics: obstacles };

  const { path } = interpreter.value;
  const place = { python: path, ...foreignExtensions(cacheDirectory, path, report) };
  await Deno.mkdir(dirname(place.extensionsDirectory), { recursive: true });
  const work = () => finish(report, place, request, false);
  return await withLock(place.lockPath, say, work, signal);
}

/** What an environment has, or undefined when it has to be made. */
async function readyReport(
  { folder, python }: EnvironmentPlace,
  { workersDirectory, say }: EnvironmentRequest,
): Promise<DetectReport | undefined> {
  if (!await exists(folder)) return undefined;
  const marker = readMarker(folder);
  if (marker === null) {
    say(`the environment ${folder} is half made: removing it`);
    return undefined;
  }
  const { value } = await detectVersions(python, workersDirectory);
  if (value !== undefined && isDeepStrictEqual(value.versions, marker.versions)) return value;
  say(`the environment ${folder} is not any more what was installed: removing it`);
  return undefined;
}

async function makeAnew(
  place: EnvironmentPlace,
  base: Interpreter,
  request: EnvironmentRequest,
): Promise<Outcome<DetectReport>> {
  // A missing compiler is told now, not after minutes of installing.
  const obstacles = needsOperators(request) ? await compilerObstacles(base) : [];
  if (obstacles.length > 0) return { diagnostics: obstacles };
  if (await exists(place.folder)) await Deno.remove(place.folder, { recursive: true });
  const diagnostics = await installEnvironment(place, base.path, request);
  if (diagnostics.length > 0) return { diagnostics };
  const detected = await detectVersions(place.python, request.workersDirectory);
  if (detected.value !== undefined) {
    writeMarker(place.folder, detected.value);
    request.say("the environment is ready");
  }
  return detected;
}

/** Adds what only some runs need, and tells the caller what there is. */
async function finish(
  report: DetectReport,
  place: Pick<EnvironmentPlace, "python" | "extensionsDirectory" | "logPath">,
  request: EnvironmentRequest,
  created: boolean,
): Promise<Outcome<PythonEnvironment>> {
  const diagnostics: readonly Diagnostic[] = needsOperators(request)
    ? await warmExtensions({ ...place, marker: report }, request)
    : [];
  if (diagnostics.length > 0) return { diagnostics };
  return {
    value: {
      python: place.python,
      pythonVersion: report.python,
      versions: report.versions,
      extensionsDirectory: place.extensionsDirectory,
      created,
    },
    diagnostics,
  };
}

/** On a GPU DeepSpeed has no use for the operators of its CPU backend. */
function needsOperators({ needsDeepspeed, device }: EnvironmentRequest): boolean {
  return needsDeepspeed && device !== "cuda";
}

/** What the operating system refuses, as against a bug of ours. */
function isFileError(error: unknown): boolean {
  return error instanceof Error &&
    ("code" in error || Object.values(Deno.errors).some((kind) => error instanceof kind));
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch {
    return false;
  }
}
