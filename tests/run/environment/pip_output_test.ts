import assert from "node:assert/strict";
import { installFailure, pipProgress } from "../../../lib/run/environment/pip_output.ts";

const STEP = { stack: "current", folder: "/cache/env", log: "/cache/env.log" };

Deno.test("of pip's lines those are shown that say what takes long", () => {
  const lines = {
    "Downloading transformers-4.57.3-py3-none-any.whl (12.0 MB)":
      "downloading transformers 4.57.3 (12.0 MB)",
    "  Downloading deepspeed-0.19.8.tar.gz (2.0 MB)": "downloading deepspeed 0.19.8 (2.0 MB)",
    "Processing /wheels/torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl (from -r x.txt (line 5))":
      "found torch 2.13.0+cpu",
    "Using cached numpy-2.4.6-cp311-cp311-manylinux.whl (16.1 MB)": "found numpy 2.4.6 (16.1 MB)",
    "  Building wheel for deepspeed (pyproject.toml): started": "building deepspeed",
    "Installing collected packages: a, b, c": "unpacking 3 packages",
    "  Downloading torch-2.13.0.metadata (30 kB)": undefined,
    "Collecting torch==2.13.0": undefined,
    "": undefined,
  };
  for (const [line, shown] of Object.entries(lines)) assert.equal(pipProgress(line), shown, line);
});

Deno.test("a failed installation says why", () => {
  const tails: [string, string][] = [
    ["OSError: [Errno 28] No space left on device", "STW407"],
    [
      "WARNING: Retrying ... NewConnectionError('<...>: Failed to establish a new connection')\n" +
      "ERROR: No matching distribution found for torch==2.13.0 (from versions: none)",
      "STW408",
    ],
    [
      "ERROR: Could not find a version that satisfies the requirement torch==2.13.0 (from versions: 2.1.0)\n" +
      "ERROR: No matching distribution found for torch==2.13.0",
      "STW409",
    ],
    ["Traceback\nValueError: something else", "STW410"],
  ];
  const codes = tails.map(([tail]) => installFailure(tail, STEP).code);
  assert.equal(new Set(codes).size, tails.length, codes.join(", "));
  const [disk, network, version, other] = tails.map(([tail]) => installFailure(tail, STEP).message);
  assert.match(disk ?? "", /disk|space/i);
  assert.match(network ?? "", /NewConnectionError/);
  assert.match(version ?? "", /torch==2.13.0/);
  assert.match(other ?? "", /something else/);
});
