import assert from "node:assert/strict";
import { hostileText } from "../texts.ts";
import fc from "fast-check";
import { planCsv, renderCsv, resultsCsvLines } from "../../lib/report/csv.ts";
import type { ReportedCell } from "../../lib/report/results_shape.ts";
import { cell, reported } from "./builders.ts";

const GIB = 2 ** 30;

function resultsCsv(cells: readonly ReportedCell[]): string {
  return [...resultsCsvLines(cells)].join("");
}

/** Reads a document as RFC 4180 says, with either line end. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const fields = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n)/y;
  for (let match = fields.exec(text); match !== null; match = fields.exec(text)) {
    const [, quoted, plain = "", end] = match;
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end !== ",") {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

/** The rows of a document by column name. */
function records(text: string): Record<string, string>[] {
  const [headers = [], ...rows] = parseCsv(text);
  return rows.map((row) => {
    assert.equal(row.length, headers.length);
    return Object.fromEntries(headers.map((header, index) => [header, row[index] ?? ""]));
  });
}

Deno.test("plain texts and numbers stand as they are", () => {
  assert.equal(renderCsv(["a", "b"], [["x y", 1.5], ["z", -2]]), "a,b\nx y,1.5\nz,-2\n");
});

Deno.test("texts with commas, quotes or line ends are quoted", () => {
  assert.equal(
    renderCsv(["a"], [["x,y"], ['say "x"'], ["two\nlines"], ["cr\rhere"]]),
    'a\n"x,y"\n"say ""x"""\n"two\nlines"\n"cr\rhere"\n',
  );
});

Deno.test("what is missing or not finite is an empty field", () => {
  assert.equal(
    renderCsv(["a", "b", "c", "d"], [[null, undefined, Number.NaN, Infinity]]),
    "a,b,c,d\n,,,\n",
  );
});

Deno.test("a text that a spreadsheet would take for a formula gets an apostrophe", () => {
  for (const start of ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"]) {
    const [[field = ""] = []] = parseCsv(renderCsv([`${start}1+cmd|' /C calc'!A0`], []));
    assert.equal(field[0], "'", `starts with ${JSON.stringify(start)}`);
  }
});

Deno.test("a negative number stays a number", () => {
  assert.equal(renderCsv(["a"], [[-1]]), "a\n-1\n");
});

Deno.test("any texts come back from a document as they were, but for the apostrophe", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(hostileText(), { minLength: 3, maxLength: 3 })),
      (rows) => {
        const read = parseCsv(renderCsv(["a", "b", "c"], rows)).slice(1);
        const kept = read.map((row, at) =>
          row.map((text, index) => text === `'${rows[at]?.[index]}` ? text.slice(1) : text)
        );
        assert.deepEqual(kept, rows);
      },
    ),
    { seed: 20220712, numRuns: 300 },
  );
});

Deno.test("a plan has one row per cell, whose bytes and times are whole values with their bounds", () => {
  const [row, ...rest] = records(
    planCsv([cell({ use: "accelerate", batchSize: 8, axes: { batchSize: 8, dtype: "float16" } })]),
  );
  assert.equal(rest.length, 0);
  assert.equal(row?.["cell"], "accelerate/batchSize=8,dtype=float16");
  assert.equal(row?.["axes"], "batchSize=8 dtype=float16");
  assert.equal(row?.["use"], "accelerate");
  assert.equal(row?.["devicePeakBytesPredicted"], String(47.1 * GIB));
  assert.equal(row?.["devicePeakBytesPredictedLow"], String(0.95 * 47.1 * GIB));
  assert.equal(row?.["devicePeakBytesPredictedHigh"], String(1.05 * 47.1 * GIB));
  assert.equal(row?.["deviceCapacityBytes"], String(79.15 * GIB));
  assert.equal(row?.["msPerTokenPredicted"], "31.8");
  assert.ok(!Object.hasOwn(row ?? {}, "status"));
});

Deno.test("an invalid cell has its verdict and no figures", () => {
  const [row] = records(planCsv([cell({ use: "ds-zero", batchSize: 1, verdict: "invalid" })]));
  assert.equal(row?.["verdict"], "invalid");
  assert.equal(row?.["session"], "");
  assert.equal(row?.["devicePeakBytesPredicted"], "");
  assert.equal(row?.["msPerTokenPredicted"], "");
});

Deno.test("results have the columns of the plan and then the measured ones", () => {
  const planned = cell({ use: "ds-zero", batchSize: 8 });
  const [planHeaders = []] = parseCsv(planCsv([planned]));
  const [headers = []] = parseCsv(resultsCsv([reported(planned)]));
  assert.deepEqual(headers.slice(0, planHeaders.length), planHeaders);
  assert.ok(headers.length > planHeaders.length);
  assert.equal(new Set(headers).size, headers.length);
});

Deno.test("a measured cell has the fullest device and the slowest times", () => {
  const planned = cell({ use: "ds-zero", batchSize: 8 });
  const [row] = records(resultsCsv([reported(planned, { peakGib: 50, msPerToken: 36 })]));
  assert.equal(row?.["status"], "ok");
  assert.equal(row?.["devicePeakBytesMeasured"], String(50 * GIB));
  assert.equal(row?.["hostPeakBytesMeasured"], String(9.9 * GIB));
  assert.equal(row?.["msPerTokenMeasured"], "36");
  assert.equal(row?.["streams"], "8");
});

Deno.test("a cell that did not run has a status, a message and no measured figures", () => {
  const planned = cell({ use: "ds-zero", batchSize: 8 });
  const [row] = records(resultsCsv([
    reported(planned, { status: "crashed", message: "exit code 1,\nsee log", logPath: "a.log" }),
  ]));
  assert.equal(row?.["status"], "crashed");
  assert.equal(row?.["message"], "exit code 1,\nsee log");
  assert.equal(row?.["log"], "a.log");
  assert.equal(row?.["devicePeakBytesMeasured"], "");
  assert.equal(row?.["tokensSha256"], "");
});
