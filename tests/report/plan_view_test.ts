import assert from "node:assert/strict";
import { renderMarkdown, renderText } from "../../lib/report/document.ts";
import { fullestDevice, planDocument, planSummary } from "../../lib/report/plan_view.ts";
import { cell, interval, plan, publishedGrid } from "./builders.ts";

const GIB = 2 ** 30;

const NOTE = {
  code: "STW205",
  severity: "info",
  message: "The budget is more than the device has",
  help: "read on",
} as const;

Deno.test("a plan reads well in a terminal", async (t) => {
  const invalid = cell({
    use: "ds-inference",
    batchSize: 8,
    axes: { batchSize: 8, tensorParallel: 3 },
    verdict: "invalid",
    causes: ["Tensor parallelism of 3 does not divide 112 heads"],
  });
  const text = renderText(
    planDocument(plan([...publishedGrid(), invalid], { diagnostics: [NOTE] })),
  );
  await t.assertSnapshot(text);
});

Deno.test("a plan reads well in Markdown", async (t) => {
  await t.assertSnapshot(renderMarkdown(planDocument(plan(publishedGrid().slice(0, 5)))));
});

Deno.test("a device that the allocator fills although the cell needs less is explained", () => {
  const full = (allocatorRetries: number) => {
    const one = cell({ use: "accelerate", batchSize: 8 });
    const devices = one.prediction.devices.map((device) => ({ ...device, allocatorRetries }));
    return renderText(planDocument(plan([{ ...one, prediction: { ...one.prediction, devices } }])));
  };
  assert.match(full(3), /In 1 cell that fits the allocator fills a device with blocks/);
  assert.doesNotMatch(full(0), /allocator fills/);
});

Deno.test("a plan for devices without a known capacity shows peaks and no share of them", () => {
  const cells = [1, 8].map((batchSize) =>
    cell({ use: "accelerate", batchSize, capacityGib: null, peakGib: 2.5 })
  );
  const text = renderText(planDocument(plan(cells)));
  assert.match(text, /^accelerate\/batchSize=1 +fits +2\.50 +- /m);
  assert.match(text, /^Peak memory of the fullest device, in GiB$/m);
  assert.match(text, /^accelerate +2\.50 +2\.50$/m);
  assert.ok(!text.includes("%"), text);
});

Deno.test("a cell that the host limits says so in the table of batch sizes", () => {
  const cells = [1, 8].map((batchSize) => {
    const planned = cell({ use: "ds-inference", batchSize, verdict: "oom" });
    const limit = { resource: "host", phase: "load", needBytes: 900 * GIB, haveBytes: 450 * GIB };
    return { ...planned, prediction: { ...planned.prediction, limit } };
  });
  const text = renderText(planDocument(plan(cells)));
  assert.match(text, /^ds-inference +oom host 200% +oom host 200%$/m);
});

Deno.test("a single cell needs no table of its own", () => {
  const text = renderText(planDocument(plan([cell({ use: "accelerate", batchSize: 1 })])));
  assert.ok(!text.includes("Peak memory in %"));
});

Deno.test("cells of a strategy that fail for the same cause are told together", () => {
  const causes = ["the host needs 900 GiB of 477 GiB"];
  const cells = [1, 8, 16].map((batchSize) =>
    cell({ use: "ds-inference", batchSize, verdict: "oom", causes })
  );
  const text = renderText(planDocument(plan(cells)));
  assert.match(text, /^ {2}ds-inference\/batchSize=1 and 2 more of ds-inference \(oom; /m);
  assert.equal(text.split(causes[0] ?? "").length - 1, 1);
});

Deno.test("the largest batch is told, and that none fits, and nothing when it was not searched", () => {
  const planned = cell({ use: "ds-zero", batchSize: 8, verdict: "oom" });
  function adviceWith(change: { largestBatch?: number | null }): string {
    const { largestBatch: _, ...prediction } = planned.prediction;
    const text = renderText(
      planDocument(plan([{ ...planned, prediction: { ...prediction, ...change } }])),
    );
    return /ds-zero\/batchSize=8 \((.*)\)/.exec(text)?.[1] ?? "";
  }
  assert.equal(adviceWith({ largestBatch: 40 }), "oom; the largest batch that fits is 40");
  assert.equal(adviceWith({ largestBatch: null }), "oom; no batch fits");
  assert.equal(adviceWith({}), "oom");
});

Deno.test("arguments that a shell would split are quoted", () => {
  const planned = plan([cell({ use: "accelerate", batchSize: 1 })]);
  const [session] = planned.sessions;
  assert.ok(session);
  const launch = { ...session.launch, argv: ["{python}", "a b", "it's", ""] };
  const text = renderText(planDocument({ ...planned, sessions: [{ ...session, launch }] }));
  assert.ok(text.includes(`      {python} 'a b' 'it'\\''s' ''\n`), text);
});

Deno.test("sessions of one strategy are told apart", () => {
  const planned = plan([cell({ use: "accelerate", batchSize: 1 })]);
  const [session] = planned.sessions;
  assert.ok(session);
  const launch = { ...session.launch, env: { ANOTHER: "1" } };
  const second = { ...session, id: "accelerate-2", launch };
  const text = renderText(planDocument({ ...planned, sessions: [session, second] }));
  assert.match(text, /^ {2}accelerate: 1 process$/m);
  assert.match(text, /^ {2}accelerate-2: 1 process$/m);
});

Deno.test("sessions of one cell each that start alike are told together", () => {
  const planned = plan([1, 8].map((batchSize) => cell({ use: "accelerate", batchSize })));
  const [session] = planned.sessions;
  assert.ok(session);
  const sessions = planned.cells.map(({ id }, index) => ({
    ...session,
    id: `accelerate-${index + 1}`,
    cellIds: [id],
  }));
  const text = renderText(planDocument({ ...planned, sessions }));
  assert.match(text, /^ {2}accelerate-1: 1 process, started anew for each of 2 cells$/m);
});

Deno.test("the summary counts the verdicts that occur", () => {
  assert.equal(
    planSummary(plan(publishedGrid())),
    "12 cells: 9 fit, 1 tight, 2 oom; 3 sessions",
  );
  assert.equal(planSummary({ cells: [], sessions: [] }), "0 cells; 0 sessions");
});

Deno.test("the fullest device is the one that is nearest to its capacity", () => {
  const { prediction } = cell({ use: "accelerate", batchSize: 1 });
  const [first] = prediction.devices;
  assert.ok(first);
  const devices = [
    { ...first, index: 0, peakBytes: interval(60), capacityBytes: 100 },
    { ...first, index: 1, peakBytes: interval(50), capacityBytes: 60 },
  ];
  assert.equal(fullestDevice({ ...prediction, devices })?.index, 1);
  const unlimited = devices.toReversed().map((device) => ({ ...device, capacityBytes: null }));
  assert.equal(fullestDevice({ ...prediction, devices: unlimited })?.index, 0);
  assert.equal(fullestDevice({ ...prediction, devices: [] }), undefined);
});
