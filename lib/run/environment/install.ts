/** Makes the virtual environment of a stack: venv, pip, and the compiling of what was installed. */
import { join } from "node:path";
import { reasonOf } from "../../catalog/json_file.ts";
import { stackFacts } from "../../catalog/stack.ts";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import {
  environmentDiskSpace,
  installFailed,
  preparationInterrupted,
} from "../../diagnostics/messages/environment.ts";
import { formatBytes } from "../../report/bytes.ts";
import { freeDiskBytes } from "../cache.ts";
import { runCommand } from "./command.ts";
import type { EnvironmentPlace } from "./layout.ts";
import { installFailure, pipProgress } from "./pip_output.ts";
import type { EnvironmentRequest } from "./types.ts";

/** What was downloaded takes room beside what is unpacked. */
const ROOM_FACTOR = 1.5;

/** Seen with the CPU build of torch 2.13.0 on Linux x86-64; deepspeed comes as source. */
const CPU_DOWNLOAD_BYTES = 310e6;

/** What PyPI's build of torch for Linux brings in addition: the libraries of CUDA, as wheels. */
const CUDA_DOWNLOAD_BYTES = 2.5e9;

/**
 * Makes an environment in a folder that does not exist. pip's own variables and configuration (PIP_INDEX_URL,
 * PIP_FIND_LINKS, proxies) hold as they always do.
 *
 * @param basePython The interpreter to make it with.
 * @returns What stands in the way; nothing when all is installed.
 */
export async function installEnvironment(
  place: EnvironmentPlace,
  basePython: string,
  request: EnvironmentRequest,
): Promise<readonly Diagnostic[]> {
  const { stack, cacheDirectory, torchIndex, say, signal } = request;
  const installedBytes = stackFacts().find(({ name }) => name === stack.name)?.installedBytes
    ?.value;
  const obstacle = await diskObstacle(cacheDirectory, (installedBytes ?? 0) * ROOM_FACTOR);
  if (obstacle !== undefined) return [obstacle];
  announce(place, request, installedBytes);

  await Deno.writeTextFile(place.logPath, ""); // what an earlier attempt said would mislead
  const steps: readonly (readonly string[])[] = [
    [basePython, "-m", "venv", place.folder],
    pipArguments(place, torchIndex),
  ];
  for (const argv of steps) {
    const obstacle = await runStep(argv, place, request);
    if (obstacle !== undefined) return [obstacle];
  }
  await Deno.remove(temporaryFolder(place), { recursive: true });
  say("compiling the installed modules");
  // Its exit code says only that some file is written for another version of Python, as test data often are.
  await runCommand({
    argv: [place.python, "-m", "compileall", "-q", "-j", "0", join(place.folder, "lib")],
    logPath: place.logPath,
    ...(signal === undefined ? {} : { signal }),
  });
  return signal?.aborted ? [preparationInterrupted({})] : [];
}

async function runStep(
  argv: readonly string[],
  place: EnvironmentPlace,
  { stack, say, signal }: EnvironmentRequest,
): Promise<Diagnostic | undefined> {
  const failure = { stack: stack.name, folder: place.folder, log: place.logPath };
  try {
    await Deno.mkdir(temporaryFolder(place), { recursive: true });
    const { code, tail } = await runCommand({
      argv,
      env: pipVariables(place),
      logPath: place.logPath,
      onLine(line) {
        const progress = pipProgress(line);
        if (progress !== undefined) say(progress);
      },
      ...(signal === undefined ? {} : { signal }),
    });
    if (signal?.aborted) return preparationInterrupted({});
    return code === 0 ? undefined : installFailure(tail, failure);
  } catch (error) {
    return installFailed({ ...failure, reason: reasonOf(error) });
  }
}

/** On the disk that was looked at: /tmp is often small, and the wheels are not. */
function temporaryFolder({ folder }: EnvironmentPlace): string {
  return join(folder, "tmp");
}

function pipArguments(place: EnvironmentPlace, torchIndex: string | undefined): readonly string[] {
  return [
    place.python,
    "-m",
    "pip",
    "install",
    "--disable-pip-version-check",
    "--no-input",
    "--no-compile", // compileall does it on all cores
    "--progress-bar",
    "off",
    ...(torchIndex === undefined ? [] : ["--extra-index-url", torchIndex]),
    "-r",
    place.requirements,
  ];
}

function pipVariables(place: EnvironmentPlace): Record<string, string> {
  return {
    TMPDIR: temporaryFolder(place),
    DS_BUILD_OPS: "0", // DeepSpeed builds its operators when they are needed
    PIP_USER: "0", // a user's configuration may ask for it; in a virtual environment it is an error
  };
}

async function diskObstacle(path: string, neededBytes: number): Promise<Diagnostic | undefined> {
  const freeBytes = await freeDiskBytes(path);
  if (freeBytes === null || freeBytes >= neededBytes) return undefined;
  const sizes = { free: formatBytes(freeBytes), needed: formatBytes(neededBytes) };
  return environmentDiskSpace({ path, ...sizes });
}

function announce(
  { folder }: EnvironmentPlace,
  { stack, torchIndex, say }: EnvironmentRequest,
  installedBytes: number | undefined,
): void {
  const packages = Object.entries(stack.versions).map(([name, version]) => `${name} ${version}`);
  say(`installing the stack ${stack.name} (${packages.join(", ")}) into ${folder}`);
  if (installedBytes === undefined) return;
  say(
    `about ${formatBytes(CPU_DOWNLOAD_BYTES)} to download and ${
      formatBytes(installedBytes)
    } on disk ` +
      "with the CPU build of torch",
  );
  if (torchIndex === undefined) {
    say(
      `the CUDA build, which PyPI has for Linux, brings about ${
        formatBytes(CUDA_DOWNLOAD_BYTES)
      } more; ` +
        "for the CPU build: --torch-index https://download.pytorch.org/whl/cpu",
    );
  }
}
