/** Finds Python interpreters and asks them what they are. */
import type { Diagnostic, Outcome } from "../../diagnostics/diagnostic.ts";
import { reasonOf } from "../../catalog/json_file.ts";
import {
  interpreterFails,
  pythonNotFound,
  pythonUnsupported,
  venvMissing,
} from "../../diagnostics/messages/environment.ts";

/** An interpreter that started. */
export interface Interpreter {
  /** Absolute. */
  readonly path: string;
  /** `3.11.4` */
  readonly version: string;
  /** Whether it can make virtual environments. */
  readonly hasVenv: boolean;
  /** Folder of Python.h. */
  readonly includePath: string;
}

/** Names in the order in which they are tried: the versions that the stack has been run with first. */
const PYTHON_NAMES: readonly string[] = [
  "python3.11",
  "python3.12",
  "python3.13",
  "python3.10",
  "python3",
  "python",
];

const QUESTION = `
import importlib.util as u, json, platform, sys, sysconfig
print(json.dumps({"path": sys.executable, "version": platform.python_version(),
  "hasVenv": u.find_spec("venv") is not None and u.find_spec("ensurepip") is not None,
  "includePath": sysconfig.get_paths()["include"]}))`;

/** Asks one interpreter. */
export async function askInterpreter(python: string): Promise<Outcome<Interpreter>> {
  const { value, diagnostics } = await runPython(python, ["-c", QUESTION]);
  return value === undefined
    ? { diagnostics }
    : { value: value as unknown as Interpreter, diagnostics };
}

/** The first interpreter on PATH that can make an environment for the stack. */
export async function findInterpreter(): Promise<Outcome<Interpreter>> {
  const found: Interpreter[] = [];
  for (const name of PYTHON_NAMES) {
    const { value } = await askInterpreter(name);
    if (value === undefined) continue;
    found.push(value);
    if (isSupported(value.version) && value.hasVenv) return { value, diagnostics: [] };
  }
  if (found.length === 0) return { diagnostics: [pythonNotFound({ tried: PYTHON_NAMES })] };
  const withoutVenv = found.find(({ version }) => isSupported(version));
  const diagnostic: Diagnostic = withoutVenv === undefined
    ? pythonUnsupported({ found })
    : venvMissing({ python: withoutVenv.path, version: withoutVenv.version });
  return { diagnostics: [diagnostic] };
}

/** Whether the packages of the stack are published for a version of Python. */
function isSupported(version: string): boolean {
  const [major, minor] = version.split(".").map(Number);
  return major === 3 && minor !== undefined && minor >= 10 && minor <= 13;
}

/** The JSON object on the last line that an interpreter printed. */
export async function runPython(
  python: string,
  args: readonly string[],
): Promise<Outcome<Readonly<Record<string, unknown>>>> {
  let reason: string;
  try {
    const { success, stdout, stderr } = await new Deno.Command(python, {
      args: [...args],
      stdin: "null",
    }).output();
    const line = new TextDecoder().decode(stdout).trim().split("\n").at(-1) ?? "";
    if (success) return { value: JSON.parse(line), diagnostics: [] };
    reason = new TextDecoder().decode(stderr).trim().split("\n").at(-1) || "it ended with an error";
  } catch (error) {
    reason = reasonOf(error);
  }
  return { diagnostics: [interpreterFails({ python, reason })] };
}
