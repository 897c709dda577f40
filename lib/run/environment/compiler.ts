/** What DeepSpeed needs to compile its operators: a C++ compiler and the header files of Python. */
import { join } from "node:path";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { compilerMissing, headersMissing } from "../../diagnostics/messages/environment.ts";
import type { Interpreter } from "./interpreter.ts";

/** The compiler that torch's extension builder calls: what CXX says, or else c++. */
export function compilerCommand(): string {
  return Deno.env.get("CXX") || "c++";
}

/** What stands in the way of compiling for an interpreter. */
export async function compilerObstacles(interpreter: Interpreter): Promise<Diagnostic[]> {
  const compiler = compilerCommand();
  if (!await compilerStarts(compiler)) return [compilerMissing({ compiler })];
  const header = join(interpreter.includePath, "Python.h");
  try {
    Deno.statSync(header);
    return [];
  } catch {
    return [headersMissing({ python: interpreter.path, path: header })];
  }
}

async function compilerStarts(command: string): Promise<boolean> {
  const [program = "", ...args] = command.trim().split(/\s+/); // "ccache g++"
  try {
    return (await new Deno.Command(program, { args: [...args, "--version"] }).output()).success;
  } catch {
    return false; // not installed
  }
}
