import assert from "node:assert/strict";
import type { FileReader } from "../../lib/catalog/files.ts";
import { readPlanFile } from "../../lib/commands/plan_file.ts";
import { beginsAsPlan } from "../../lib/commands/plan_start.ts";
import type { Plan } from "../../lib/plan/plan.ts";
import { cell, plan as planOf } from "../report/builders.ts";

const MADE = planOf([1, 8, 64].map((batchSize) => ({
  ...cell({ use: "accelerate", batchSize }),
  reason: 'a "quoted" \n    }\n  ], reason with ümlauts',
})));
const ARGV = ["{python}", "{workers}/accelerate_worker.py", "{session}/request.json"];
const PLAN: Plan = plain({
  ...MADE,
  sessions: MADE.sessions.map((session) => ({
    ...session,
    launch: { argv: ARGV, env: {}, files: {} },
  })),
});

function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value));
}

/** A disk with one file, of which every reading gives at most so many bytes. */
function disk(text: string, mostBytes = Infinity): FileReader {
  const bytes = new TextEncoder().encode(text);
  return {
    stat: () => ({ kind: "file", bytes: bytes.length }),
    list: () => [],
    readText: () => text,
    readRange: (_, offset, length) => bytes.slice(offset, offset + Math.min(length, mostBytes)),
  };
}

function written(plan: unknown): string {
  return `${JSON.stringify(plan, null, 2)}\n`;
}

function read(text: string, mostBytes?: number): Plan {
  const found = readPlanFile("plan.json", disk(text, mostBytes));
  assert.ok(found !== undefined && "plan" in found, JSON.stringify(found));
  return found.plan;
}

Deno.test("a plan is read cell by cell as it was written, wherever the pieces of the file end", () => {
  const text = written(PLAN);
  assert.ok(beginsAsPlan("plan.json", disk(text)));
  for (const mostBytes of [1, 7, 100, 4096, Infinity]) {
    assert.deepEqual(plain(read(text, mostBytes)), PLAN, String(mostBytes));
  }
});

Deno.test("what somebody has formatted anew is left to be read whole", () => {
  const others = [
    JSON.stringify(PLAN),
    JSON.stringify(PLAN, null, 4),
    written(PLAN).replaceAll("\n", "\r\n"),
    written({ ...PLAN, cells: [] }),
    written(PLAN).replace(/\n$/, '\n  "cells": [\n'),
    written(PLAN).replace("    },\n    {", "    },    {"),
  ];
  for (const text of others) assert.equal(readPlanFile("plan.json", disk(text)), undefined);
});

Deno.test("a second list of cells does not hide behind the first", () => {
  const twice = written(PLAN).replace(/\n\}\n$/, ',\n  "cells": [\n    {\n    }\n  ]\n}\n');
  assert.equal(readPlanFile("plan.json", disk(twice)), undefined);
});

Deno.test("a cell that is none is named, and so is what is wrong around the cells", () => {
  const problem = (text: string) => {
    const found = readPlanFile("plan.json", disk(text));
    return found !== undefined && "problem" in found ? found.problem : "";
  };
  const [first, second, third] = PLAN.cells;
  const cells = [first, { ...second, batchSize: 0 }, third];
  assert.match(problem(written({ ...PLAN, cells })), /^cells\.1\.batchSize: /);
  assert.match(problem(written({ ...PLAN, seed: "x" })), /^seed: /);
  assert.match(problem(written(PLAN).replace('"batchSize": 8', '"batchSize": 8x')), /not JSON/);
});
