/**
 * Writes the report of a run in a process of its own: `reporter.ts FOLDER [FORMAT]` makes `results.csv` and `results.md` of the
 * folder's `results.json`, or with a format prints what that looks like. See `report_apart.ts` for when.
 */
import { join } from "node:path";
import { type OutputFormat, resultsParts } from "../report/render.ts";
import { type Results, writeTables } from "./results.ts";

if (import.meta.main) {
  const [folder = "", format] = Deno.args;
  const results: Results = JSON.parse(Deno.readTextFileSync(join(folder, "results.json")));
  if (format === undefined) {
    writeTables(folder, results);
  } else {
    const encoder = new TextEncoder();
    for (const part of resultsParts(results, format as OutputFormat)) {
      let rest = encoder.encode(part);
      while (rest.length > 0) rest = rest.subarray(Deno.stdout.writeSync(rest));
    }
  }
}
