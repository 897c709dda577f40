/**
 * Draws the batches of pipelines that test predictions near a limit: for every strategy as many as asked, evenly spread
 * over 0.85 to 1.2 of the largest batch that is predicted to fit, by a seeded generator. The grid of each file is written
 * anew; everything else of it stays. Deterministic: the same seed and predictions give the same batches.
 *
 *     deno run -A bench/draw_batches.ts SEED COUNT FILE...
 */
import { basename } from "node:path";
import { parseText } from "../lib/commands/input.ts";
import { makePlan } from "../lib/commands/make_plan.ts";

const FROM = 0.85;
const TO = 1.2;

const [seed = "", count = "", ...files] = Deno.args;
if (!/^\d+$/.test(seed) || !/^\d+$/.test(count) || files.length === 0) {
  throw new Error("Give a seed, a number of batches, and files");
}
for (const file of files) await draw(file, Number(seed), Number(count));

async function draw(file: string, seed: number, count: number): Promise<void> {
  const bare = Deno.readTextFileSync(file).replace(/^grid:.*\n(?: .*\n)*/m, "");
  const { plan } = await makePlan(parseText(bare, file));
  if (plan === undefined) throw new Error(`${file} cannot be planned`);
  // A generator of its own for each file, so that none depends on the others that are named.
  const random = mulberry32(
    seed + [...basename(file)].reduce((sum, c) => sum + c.charCodeAt(0), 0),
  );
  const lines = plan.cells.flatMap(({ strategy, prediction }) => {
    const { largestBatch } = prediction;
    if (largestBatch === null || largestBatch === undefined) {
      throw new Error(`${file}: nothing of ${strategy.name} fits`);
    }
    const batches = Array.from(
      { length: count },
      () => Math.round(largestBatch * (FROM + (TO - FROM) * random())),
    );
    return [...new Set(batches)].sort((a, b) => a - b).map((batch) =>
      `    - { strategy: ${strategy.name}, batchSize: ${batch} }`
    );
  });
  const grid = ["grid:", "  include:", ...lines, ""].join("\n");
  Deno.writeTextFileSync(file, bare.replace(/^budget:/m, `${grid}budget:`));
  console.error(`${file}: ${lines.length} cells near a limit`);
}

/** A small generator of numbers from 0 to 1 (Tommy Ettinger's mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
