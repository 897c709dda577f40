/** What the files of every rank hold: decided from shapes alone, before a byte is read. */
import type { CheckpointTensor } from "../catalog/types.ts";
import { type Module, namedParameters } from "../model/module.ts";
import { partsOf, TENSOR_PARALLEL_GRAIN } from "../strategy/ds_inference/parts.ts";
import type { Parts } from "../strategy/parallel.ts";
import { ownerMetadata } from "./owner.ts";

/** Most bytes of one file. */
const MAX_SHARD_BYTES = 5e9;

/** A parameter, the tensor of the checkpoint that it is cut from, and the parts. */
export interface ShardTensor {
  readonly name: string;
  readonly source: CheckpointTensor;
  /** Undefined where every rank has all of it. */
  readonly parts: Parts | undefined;
}

/** One file of one rank. */
export interface ShardFile {
  readonly name: string;
  /** The length in eight bytes and the JSON object. */
  readonly header: Uint8Array;
  readonly dataBytes: number;
}

/** The tensors that lie in one file of every rank. */
export interface ShardGroup {
  readonly tensors: readonly ShardTensor[];
  /** By rank. */
  readonly files: readonly ShardFile[];
}

/** How a stack cuts. */
export interface CutRules {
  readonly ranks: number;
  /** Whether dimensions that are not made of heads are cut in multiples of 64. */
  readonly hasGrain: boolean;
  /** Whether the head is cut, and a clone of the embedding where it is tied. */
  readonly cutsHead: boolean;
}

/**
 * Finds each parameter of the model in the checkpoint and cuts it. A tied head is left out: a rank takes its part from the
 * embedding, which it has whole.
 *
 * @param prefix Name of the model without its head: checkpoints may leave it out, or have it where the model has none.
 */
export function shardTensors(
  root: Module,
  tensors: readonly CheckpointTensor[],
  rules: CutRules,
): { readonly tensors: readonly ShardTensor[] } | { readonly problem: string } {
  const { ranks, hasGrain, cutsHead } = rules;
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const [prefix = ""] = root.children.map(({ name }) => `${name}.`);
  const cut = {
    ranks,
    grain: hasGrain ? TENSOR_PARALLEL_GRAIN : 1,
    lmHeadSplit: cutsHead && ranks > 1,
  };
  const found: ShardTensor[] = [];
  for (const named of namedParameters(root)) {
    const { name, parameter } = named;
    if (parameter.tiedTo !== undefined) continue;
    const short = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    const source = byName.get(name) ?? byName.get(short) ?? byName.get(prefix + name);
    if (source === undefined) return { problem: `it has no tensor for ${JSON.stringify(name)}` };
    if (String(source.shape) !== String(parameter.shape)) {
      const shapes = `[${source.shape.join(", ")}] where config.json makes it [${
        parameter.shape.join(", ")
      }]`;
      return { problem: `tensor ${JSON.stringify(source.name)} is ${shapes}` };
    }
    found.push({ name, source, parts: ranks === 1 ? undefined : partsOf(named, cut) });
  }
  return { tensors: found };
}

/** Bytes of a tensor on one rank. */
function bytesOnRank({ source, parts }: ShardTensor, rank: number): number {
  if (parts === undefined) return source.bytes;
  const whole = source.shape[parts.dimension] ?? 1;
  return source.bytes / whole * (parts.sizes[rank] ?? 0);
}

/**
 * Shares the tensors out over files of at most `maxBytes` on every rank; a larger tensor has a file of its own.
 *
 * @param source Stands for the checkpoint that is cut.
 */
export function groupFiles(
  tensors: readonly ShardTensor[],
  { ranks, source, maxBytes = MAX_SHARD_BYTES }: {
    readonly ranks: number;
    readonly source: string;
    readonly maxBytes?: number;
  },
): readonly ShardGroup[] {
  const groups: ShardTensor[][] = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    const largest = Math.max(
      ...Array.from({ length: ranks }, (_, rank) => bytesOnRank(tensor, rank)),
    );
    if (bytes + largest > maxBytes && bytes > 0) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(tensor);
    bytes += largest;
  }
  return groups.map((group, index) => ({
    tensors: group,
    files: Array.from({ length: ranks }, (_, rank) => {
      const place = `${digits(index + 1)}-of-${digits(groups.length)}`;
      const metadata = ownerMetadata({ rank, ranks, source });
      return fileOf(`rank-${rank}-of-${ranks}-${place}.safetensors`, group, rank, metadata);
    }),
  }));
}

function digits(count: number): string {
  return String(count).padStart(5, "0");
}

function fileOf(
  name: string,
  tensors: readonly ShardTensor[],
  rank: number,
  metadata: Readonly<Record<string, string>>,
): ShardFile {
  const entries: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const tensor of tensors) {
    const { source: { dtype, shape }, parts } = tensor;
    const end = offset + bytesOnRank(tensor, rank);
    entries[tensor.name] = {
      dtype,
      shape: shape.map((size, index) => parts?.dimension === index ? parts.sizes[rank] ?? 0 : size),
      data_offsets: [offset, end],
    };
    offset = end;
  }
  return { name, header: headerBytes(entries), dataBytes: offset };
}

/** The JSON object is padded with spaces, so that the data are aligned to eight bytes as the library has them. */
function headerBytes(entries: Readonly<Record<string, unknown>>): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(entries));
  const length = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  return header;
}
