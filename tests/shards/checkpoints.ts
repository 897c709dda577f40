/** Small checkpoints with values that tell where they came from. */
import { join } from "node:path";
import { diskReader } from "../../lib/catalog/files.ts";
import { resolveModel } from "../../lib/catalog/model.ts";
import { resolveStack } from "../../lib/catalog/stack.ts";
import { namedParameters } from "../../lib/model/module.ts";
import { findFamily } from "../../lib/model/registry.ts";
import { shapeOf } from "../../lib/plan/resolve.ts";
import type { ShardOptions } from "../../lib/shards/shard.ts";
import { elements } from "../../lib/trace/trace.ts";

/** Heads for two ranks; an MLP that grains of 64 do not fill. */
export const LLAMA: Readonly<Record<string, unknown>> = {
  model_type: "llama",
  vocab_size: 40,
  hidden_size: 96,
  intermediate_size: 160,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  tie_word_embeddings: false,
};

export const BLOOM: Readonly<Record<string, unknown>> = {
  model_type: "bloom",
  vocab_size: 40,
  hidden_size: 96,
  n_layer: 2,
  n_head: 4,
};

/** Every tensor of a model as 16-bit numbers that count up, by the name in the checkpoint. */
export function tensorsOf(
  config: Readonly<Record<string, unknown>>,
  rename: (name: string) => string = (name) => name,
): Map<string, { shape: readonly number[]; values: Uint16Array }> {
  const family = findFamily(String(config["model_type"]));
  const shape = family?.shape(config).value;
  if (family === undefined || shape === undefined) throw new Error("not a model");
  let next = 0;
  return new Map(
    [...namedParameters(family.modules(shape))]
      .filter(({ parameter }) => parameter.tiedTo === undefined)
      .map(({ name, parameter }) => {
        const values = Uint16Array.from(
          { length: elements(parameter.shape) },
          () => next++ % 65536,
        );
        return [rename(name), { shape: parameter.shape, values }];
      }),
  );
}

/** Writes `config.json` and the tensors into two files with an index. */
export function writeCheckpoint(
  folder: string,
  config: Readonly<Record<string, unknown>>,
  rename?: (name: string) => string,
): void {
  Deno.writeTextFileSync(join(folder, "config.json"), JSON.stringify(config));
  const tensors = [...tensorsOf(config, rename)];
  const half = Math.ceil(tensors.length / 2);
  const weightMap: Record<string, string> = {};
  for (const [index, part] of [tensors.slice(0, half), tensors.slice(half)].entries()) {
    const file = `model-0000${index + 1}-of-00002.safetensors`;
    for (const [name] of part) weightMap[name] = file;
    Deno.writeFileSync(join(folder, file), fileBytes(part));
  }
  const index = JSON.stringify({ weight_map: weightMap });
  Deno.writeTextFileSync(join(folder, "model.safetensors.index.json"), index);
}

function fileBytes(
  tensors: readonly (readonly [string, { shape: readonly number[]; values: Uint16Array }])[],
): Uint8Array {
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const [name, { shape, values }] of tensors) {
    header[name] = { dtype: "BF16", shape, data_offsets: [offset, offset + values.byteLength] };
    offset += values.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  let place = 8 + json.length;
  for (const [, { values }] of tensors) {
    file.set(new Uint8Array(values.buffer), place);
    place += values.byteLength;
  }
  return file;
}

/** Tensors of a safetensors file by name. */
export function readTensors(path: string): Map<string, { shape: number[]; values: Uint16Array }> {
  const bytes = Deno.readFileSync(path);
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  delete header.__metadata__;
  return new Map(
    Object.entries<{ shape: number[]; data_offsets: [number, number] }>(header).map(
      ([name, { shape, data_offsets: [begin, end] }]) => [name, {
        shape,
        values: new Uint16Array(bytes.slice(8 + length + begin, 8 + length + end).buffer),
      }],
    ),
  );
}

/** What `shardCheckpoint` wants to know of a folder. */
export function optionsOf(folder: string, out: string, ranks: number): ShardOptions {
  const model = resolveModel(
    { name: "test", path: folder, weights: "files" },
    "/",
    diskReader,
  ).value;
  const shaped = model && shapeOf(model).value;
  const stack = resolveStack({ name: "current" }).value;
  if (!model || !shaped || !stack) throw new Error(`${folder} is no checkpoint`);
  return { ...shaped, model, stack, ranks, out, say: () => {} };
}
