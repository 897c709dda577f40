import assert from "node:assert/strict";
import { container, embedding, linear } from "../../../lib/model/module.ts";
import { hookedModules } from "../../../lib/strategy/ds_zero/hooked_modules.ts";
import type { ZeroWeight } from "../../../lib/strategy/ds_zero/place.ts";

const ROOT = container("", "Model", [
  embedding("embed", 10, 4),
  container("layers", "ModuleList", [
    container("0", "Layer", [container("mlp", "Mlp", [linear("up", 4, 8), linear("down", 8, 4)])]),
  ]),
  linear("head", 4, 10, { bias: false, tiedTo: "embed.weight" }),
]);

function weight(name: string, ...modules: string[]): ZeroWeight {
  return { name, modules, elements: 1, persists: false, wholeBytes: 1, partBytes: 1, hostBytes: 0 };
}

const WEIGHTS = [
  weight("embed.weight", "embed", "head"),
  weight("layers.0.mlp.up.weight", "layers.0.mlp.up"),
  weight("layers.0.mlp.up.bias", "layers.0.mlp.up"),
  weight("layers.0.mlp.down.weight", "layers.0.mlp.down"),
];

const NO_HOOKS = { beginPass: () => {}, enter: () => {}, leave: () => {} };

function layout(leaves: readonly string[] = [], replacesLinear = true) {
  return { weights: WEIGHTS, leaves: new Set(leaves), settings: { replacesLinear } };
}

function noting(...leaves: string[]) {
  const told: string[] = [];
  const words = (word: string, parameters: readonly ZeroWeight[]) =>
    void told.push([word, ...parameters.map(({ name }) => name)].join(" "));
  const execution = hookedModules(ROOT, layout(leaves), {
    beginPass: () => void told.push("begin"),
    enter: ({ parameters }) => words("enter", parameters),
    leave: ({ parameters }) => words("leave", parameters),
  });
  const run = (...modules: string[]) => {
    for (const module of modules) {
      execution.enter(module, 0);
      execution.leave(module);
    }
  };
  return { told, run, execution };
}

Deno.test("modules that contain others are called before them, lists of modules never", () => {
  const { told, run } = noting();
  run("embed", "layers.0.mlp.up", "layers.0.mlp.act", "layers.0.mlp.down", "head");
  assert.deepEqual(told, [
    "begin",
    "enter", // the model
    "enter embed.weight",
    "leave embed.weight",
    "enter", // the layer
    "enter", // its MLP
    "enter layers.0.mlp.up.weight layers.0.mlp.up.bias",
    "leave layers.0.mlp.up.weight layers.0.mlp.up.bias",
    "enter", // a module without parameters, which the tree does not know
    "leave",
    "enter layers.0.mlp.down.weight",
    "leave layers.0.mlp.down.weight",
    "leave",
    "leave",
    "enter embed.weight",
    "leave embed.weight",
  ]);
});

Deno.test("a pass begins with the module that the first one began with", () => {
  const { told, run } = noting();
  run("embed", "head", "embed", "head");
  assert.equal(told.filter((event) => event === "begin").length, 2);
  // The model returns when the next pass begins.
  assert.deepEqual(told.slice(6, 9), ["leave", "begin", "enter"]);
});

Deno.test("a module that says itself when it runs is called once", () => {
  const { told, execution, run } = noting();
  run("embed");
  execution.enter("layers.0", 0);
  run("layers.0.mlp.up");
  execution.leave("layers.0");
  assert.deepEqual(told.slice(4), [
    "enter",
    "enter",
    "enter layers.0.mlp.up.weight layers.0.mlp.up.bias",
    "leave layers.0.mlp.up.weight layers.0.mlp.up.bias",
    "leave",
    "leave",
  ]);
});

Deno.test("a leaf is called once with all that is in it", () => {
  const { told, run } = noting("layers.0");
  run("embed", "layers.0.mlp.up", "layers.0.mlp.act", "layers.0.mlp.down", "head");
  const all = "layers.0.mlp.up.weight layers.0.mlp.up.bias layers.0.mlp.down.weight";
  assert.deepEqual(told, [
    "begin",
    "enter",
    "enter embed.weight",
    "leave embed.weight",
    `enter ${all}`,
    `leave ${all}`,
    "enter embed.weight",
    "leave embed.weight",
  ]);
});

Deno.test("a model that is one leaf is left when the next pass begins", () => {
  const { told, run } = noting("");
  run("embed", "head", "embed");
  const all = WEIGHTS.map(({ name }) => name).join(" ");
  assert.deepEqual(told, ["begin", `enter ${all}`, `leave ${all}`, "begin", `enter ${all}`]);
});

Deno.test("DeepSpeed's own linear function adds biases apart, but where a matrix is multiplied", () => {
  assert.equal(hookedModules(ROOT, layout(), NO_HOOKS).biasApart, "beyond-matrices");
  assert.equal(hookedModules(ROOT, layout([], false), NO_HOOKS).biasApart, "none");
});
