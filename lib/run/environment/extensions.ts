/** DeepSpeed's C++ operators for its CPU backend: compiled once, before any session needs them. */
import { delimiter, dirname, join } from "node:path";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import {
  extensionBuildFailed,
  preparationInterrupted,
} from "../../diagnostics/messages/environment.ts";
import { lastError } from "../death.ts";
import { removeStaleBatons } from "./batons.ts";
import { runCommand } from "./command.ts";
import { compilerObstacles } from "./compiler.ts";
import { askInterpreter } from "./interpreter.ts";
import { type Marker, readMarker, writeMarker } from "./marker.ts";
import type { EnvironmentRequest } from "./types.ts";

/** Where the operators are made, and for which interpreter. */
export interface ExtensionsPlace {
  /** Absolute path of the interpreter. */
  readonly python: string;
  readonly extensionsDirectory: string;
  readonly logPath: string;
  /** What they are made for: it is noted beside them. */
  readonly marker: Marker;
}

/**
 * The variables that PyTorch's just-in-time compiler needs, when it builds the operators and whenever it loads them:
 * their folder, and a PATH on which it finds the ninja of the environment.
 *
 * @param path The present PATH.
 */
export function extensionVariables(
  { python, extensionsDirectory }: Pick<ExtensionsPlace, "python" | "extensionsDirectory">,
  path: string | undefined,
): Record<string, string> {
  return {
    PATH: [dirname(python), ...(path ? [path] : [])].join(delimiter),
    TORCH_EXTENSIONS_DIR: extensionsDirectory,
  };
}

/**
 * Compiles the operators unless they are there already. The caller holds the lock of the environment.
 *
 * @returns What stands in the way; nothing when they are ready.
 */
export async function warmExtensions(
  place: ExtensionsPlace,
  request: Pick<EnvironmentRequest, "workersDirectory" | "say" | "signal">,
): Promise<readonly Diagnostic[]> {
  const { python, extensionsDirectory, logPath, marker } = place;
  if (readMarker(extensionsDirectory) !== null) {
    await removeStaleBatons(extensionsDirectory);
    return [];
  }
  const { value: interpreter, diagnostics } = await askInterpreter(python);
  if (interpreter === undefined) return diagnostics;
  const obstacles = await compilerObstacles(interpreter);
  if (obstacles.length > 0) return obstacles;
  // What an interrupted build has left makes the next one wait for ever.
  await Deno.mkdir(extensionsDirectory, { recursive: true });
  await Deno.remove(extensionsDirectory, { recursive: true });
  await Deno.mkdir(extensionsDirectory);
  request.say("compiling the CPU operators of DeepSpeed, once: about a minute");
  const { code, tail } = await runCommand({
    argv: [python, join(request.workersDirectory, "warm_extensions.py")],
    env: extensionVariables(place, Deno.env.get("PATH")),
    logPath,
    ...(request.signal === undefined ? {} : { signal: request.signal }),
  });
  if (request.signal?.aborted) return [preparationInterrupted({})];
  if (code !== 0) {
    const reason = compilerError(tail) ?? (lastError(tail) || `exit code ${code}`);
    return [extensionBuildFailed({ reason, log: logPath })];
  }
  writeMarker(extensionsDirectory, marker);
  return [];
}

function compilerError(tail: string): string | undefined {
  return /^.*\b(?:fatal )?error: .*$/m.exec(tail)?.[0].slice(0, 500);
}
