/**
 * Whole commands against what they printed when it was last looked at. A folder of `tests/cases` holds
 * `pipeline.yaml`, `args` (words of the command line; default: `plan pipeline.yaml`) and what is expected:
 * `stdout.txt`, `stderr.txt` and `exit_code`, where `{folder}` stands for the absolute path of the folder. `deno task test:update` writes what is expected anew.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { runCli } from "./commands/child.ts";

const CASES = fileURLToPath(new URL("./cases/", import.meta.url));
const UPDATE = Deno.env.get("UPDATE") === "1";
const DEFAULT_ARGS = "plan pipeline.yaml";

for (const { name } of Array.from(Deno.readDirSync(CASES)).sort(byName)) {
  Deno.test(`case ${name} prints what is expected`, async () => {
    const folder = `${CASES}${name}`;
    const args = (readIfThere(`${folder}/args`) ?? DEFAULT_ARGS).trim().split(/\s+/);
    const said = await runCli(args, { cwd: folder });
    const { exitCode } = said;
    const stdout = said.stdout.replaceAll(folder, "{folder}");
    const stderr = said.stderr.replaceAll(folder, "{folder}");
    const found: Record<string, string> = {
      "stdout.txt": stdout,
      "stderr.txt": stderr,
      "exit_code": `${exitCode}\n`,
    };
    for (const [file, text] of Object.entries(found)) {
      if (UPDATE) Deno.writeTextFileSync(`${folder}/${file}`, text);
      else assert.equal(text, readIfThere(`${folder}/${file}`), `${name}/${file}`);
    }
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(stdout + stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]/);
  });
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : 1;
}

function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
