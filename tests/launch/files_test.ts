import assert from "node:assert/strict";
import {
  renderDeepspeedConfig,
  renderLaunchScript,
  renderRunNotes,
} from "../../lib/launch/files.ts";
import { zeroConfig } from "../../lib/strategy/ds_zero/config.ts";
import { plan, publishedGrid } from "../report/builders.ts";
import { dsZeroSpec, SHAPE } from "../strategy/contexts.ts";

const LAUNCH = {
  sessionId: "ds-zero",
  pipelineName: "bloom-176b",
  argv: ["/venv/bin/python", "-m", "deepspeed.launcher.runner", "/runs/it's here/request.json"],
  env: { HF_HUB_OFFLINE: "1", PATH: "/usr/bin:$HOME/bin" },
};

Deno.test("the launch script starts the session as the engine did", async (t) => {
  await t.assertSnapshot(renderLaunchScript(LAUNCH));
});

Deno.test("a real shell runs the launch script with the words and the environment as they were", async () => {
  const words = ["a b", "it's", "$HOME", "`id`", "line\nbreak", "", "*"];
  const script = renderLaunchScript({
    sessionId: "s\nexit 9",
    pipelineName: "p\r\nexit 9",
    argv: ["bash", "-c", 'printf "%s\\0" "$SECRET" "$@"', "name", ...words],
    env: { SECRET: "'; exit 9 #\n" },
  });
  const { stdout, success } = await new Deno.Command("bash", {
    args: ["--norc", "--noprofile", "-c", script],
    stdout: "piped",
    stderr: "inherit",
  }).output();
  assert.ok(success);
  assert.deepEqual(new TextDecoder().decode(stdout).split("\0").slice(0, -1), [
    "'; exit 9 #\n",
    ...words,
  ]);
});

Deno.test("a name that no shell could export is refused", () => {
  for (const name of ["", "A B", "1A", "A-B", "A=B", "A\nB", "É"]) {
    assert.throws(() => renderLaunchScript({ ...LAUNCH, env: { [name]: "1" } }), TypeError, name);
  }
});

Deno.test("DeepSpeed's configuration is JSON that says the same", () => {
  const config = zeroConfig(
    dsZeroSpec({ offload: "nvme", nvmePath: '/a "quoted" <path>\\&{{ x }}' }),
    SHAPE,
    8,
  );
  const text = renderDeepspeedConfig(config);
  assert.deepEqual(JSON.parse(text), config);
  assert.match(text, /\}\n$/);
  assert.match(text, /\n {2}"zero_optimization": \{\n/);
});

Deno.test("the notes say what a run folder holds", async (t) => {
  await t.assertSnapshot(renderRunNotes(plan(publishedGrid())));
});

Deno.test("hostile names stay within their line and cell of the notes", () => {
  const planned = plan(publishedGrid());
  const hostile = "a|b`c`\n# <img src=x> [l](javascript:1) \u202e";
  const text = renderRunNotes({
    ...planned,
    pipeline: { ...planned.pipeline, name: hostile, path: hostile },
    model: { ...planned.model, name: hostile },
    stack: { ...planned.stack, name: hostile },
  });
  const honest = renderRunNotes(planned);
  assert.equal(text.split("\n").length, honest.split("\n").length);
  for (const line of text.split("\n").filter((each) => each.startsWith("| "))) {
    assert.equal(line.match(/(?<!\\)\|/g)?.length, 3, line);
  }
  assert.doesNotMatch(text, /(?<!\\)<img|(?<!\\)\[l|\u202e/);
});
