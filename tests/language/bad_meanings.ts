/** Lines whose values are right by themselves and wrong, or without effect, together. */
export const badMeanings: Readonly<Record<string, string>> = {
  "two strategies with one name": "strategies: [accelerate, { use: accelerate, dtype: float16 }]",
  "two strategies with one given name":
    "strategies:\n  - { use: accelerate, name: a }\n  - use: ds-zero\n    name: a",
  "a given name that another strategy uses":
    "strategies: [ds-zero, { use: accelerate, name: ds-zero }]",
  "sampling": "generate: { do_sample: true }",
  "weights that are misspelt": "model: { name: bigscience/bloom, weights: randon }",
  "weights that may be a folder": "model: { name: bigscience/bloom, weights: checkpoint }",
  "a model with nothing but weights": "model: { weights: random }",
  "hardware without devices": "hardware: { memory: 8GB }",
  "a node of the catalog with devices":
    "hardware: { name: jean-zay-a100-8, devices: 2x cpu, memory: 8GB }",
  "offloading to NVMe without a path": "strategies: [{ use: ds-zero, offload: nvme }]",
  "modules on disk without a folder":
    "strategies: [{ use: accelerate, deviceMap: { transformer: 0, lm_head: disk } }]",
  "prompts from a file without the file": "prompts: { source: file }",
  "the word file alone": "prompts: file",
  "a file of prompts beside another source": "prompts: { source: builtin, file: ./p.txt }",
  "lengths that contradict": "generate: { max_new_tokens: 100, max_length: 50 }",
  "more least new tokens than new tokens": "generate: { max_new_tokens: 5, min_new_tokens: 6 }",
  "a least length beyond the length": "generate: { max_new_tokens: 5, min_length: 500 }",
  "a prompt as long as all may be": "generate: { max_length: 8 }",
  "an axis of prompts that leaves no room":
    "generate: { max_length: 64 }\ngrid: { promptTokens: [8, 64] }",
  "an axis of no strategy": "grid: { tensorParallel: [1, 2] }",
  "an axis of no strategy in an entry": "grid: { exclude: [{ offload: cpu }] }",
  "an entry for an unknown strategy": "grid: { include: [{ strategy: accelrate, batchSize: 2 }] }",
  "an entry for a strategy that lacks the option":
    "strategies: [accelerate, ds-zero]\ngrid: { include: [{ strategy: accelerate, offload: cpu }] }",
  "too many cells": "grid:\n  batchSize: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n" +
    `  promptTokens: [${Array.from({ length: 200 }, (_, i) => i + 1).join(", ")}]\n` +
    `  newTokens: [${Array.from({ length: 200 }, (_, i) => i + 1).join(", ")}]`,
  "all cells excluded": "grid: { batchSize: [1, 2], exclude: [{ strategy: accelerate }] }",
  "a value twice": "grid: { batchSize: [1, 8, 1] }",
  "a text twice": "grid: { dtype: [float16, float16] }",
  "an exclude that matches nothing": "grid: { batchSize: [1, 2], exclude: [{ batchSize: 3 }] }",
  "an include that repeats a cell": "grid: { batchSize: [1, 2], include: [{ batchSize: 2 }] }",
  "new tokens in two places": "generate: { max_new_tokens: 5 }\ngrid: { newTokens: [10, 20] }",
  "prompt tokens in two places": "prompts: { tokens: 5 }\ngrid: { promptTokens: [10, 20] }",
  "a memory map beside a device map":
    "strategies: [{ use: accelerate, deviceMap: { '': 0 }, maxMemory: { 0: 1GiB } }]",
  "a workspace without fused kernels": "strategies: [{ use: ds-inference, maxOutTokens: 64 }]",
  "a path for NVMe without offloading": "strategies: [{ use: ds-zero, nvmePath: /scratch }]",
  "a placeholder that is not there":
    'strategies: [{ use: script, command: [run, "{{ batchsize }}", "{{ a.b }}", "{% for %}"] }]',
  "a stand-in whose option does nothing":
    "strategies: [{ use: script, command: [run], predictAs: { use: ds-zero, nvmePath: /scratch } }]",
  "a script that stands in for another":
    "strategies: [{ use: script, command: [run], predictAs: script }]",
  "a script without a command": "strategies: [{ use: script }]",
  "a command that is one text": "strategies: [{ use: script, command: python mine.py }]",
  "the word script alone": "strategies: [script]",
  "pinned memory without offloading": "strategies:\n  - use: ds-zero\n    pinMemory: true",
};
