/** Tensors at a peak as people think of them: the weights of 70 layers, their KV cache, the largest activations. */
import type { ModelShape } from "../model/family.ts";
import type { Category, Tensor } from "../trace/trace.ts";

/** Like tensors together. */
export interface TensorGroup {
  readonly name: string;
  readonly category: Category;
  readonly count: number;
  readonly bytes: number;
  /** How the bytes come about, with its numbers; absent where no product of the sizes gives them. */
  readonly formula?: string;
}

/** What formulas are made of. */
export interface GroupFacts {
  readonly shape: ModelShape;
  readonly batchSize: number;
  /** Query tokens of the pass: the prompt, or one. */
  readonly queryTokens: number;
  /** Tokens behind and in the pass. */
  readonly lengthTokens: number;
  /** Bytes of one element of weights, activations and cache. */
  readonly elementBytes: number;
}

/** Groups below this part of the whole are told together. */
const SMALL_PART = 0.001;

/** Groups in the order of their bytes; what is small stands at the end as one. */
export function groupTensors(tensors: readonly Tensor[], facts: GroupFacts): TensorGroup[] {
  const byName = Map.groupBy(
    tensors,
    (tensor) => `${tensor.category} ${labelOf(tensor)}`,
  );
  const groups = [...byName.values()].map((group) => toGroup(group, facts))
    .sort((a, b) => b.bytes - a.bytes);
  const whole = groups.reduce((sum, { bytes }) => sum + bytes, 0);
  const small = groups.filter(({ bytes }) => bytes < SMALL_PART * whole);
  if (small.length < 2) return groups;
  const rest: TensorGroup = {
    name: "smaller tensors",
    category: "activation",
    count: small.reduce((sum, { count }) => sum + count, 0),
    bytes: small.reduce((sum, { bytes }) => sum + bytes, 0),
  };
  return [...groups.filter((group) => !small.includes(group)), rest];
}

const LAYER_REGEXP = /(?:^|\.)(\d+)\./;

/** The part of a name that stands in brackets: where a tensor is kept, or what was done with it. */
const NOTE_REGEXP = /\s*(\([^()]*\))$/;

function labelOf({ name, category }: Tensor): string {
  const note = NOTE_REGEXP.exec(name)?.[1] ?? "";
  const isOfLayer = LAYER_REGEXP.test(name);
  if (category === "kv") return `KV cache ${note}`;
  if (category === "weights" && isOfLayer) return `layers ${note}`;
  // Buffers of one kind are told together, whatever layer they belong to.
  return name.replace(LAYER_REGEXP, ".");
}

function toGroup(tensors: readonly Tensor[], facts: GroupFacts): TensorGroup {
  const [first] = tensors;
  // What was moved to a device is told without the layer that it is for: devices that hold the same then look alike.
  const name = (first?.name ?? "").replace(/\.\d+(?= \(moved\)$)/, "");
  const category = first?.category ?? "activation";
  const note = NOTE_REGEXP.exec(name)?.[1];
  const suffix = note === undefined ? "" : ` ${note}`;
  const layers = new Set(tensors.flatMap((tensor) => LAYER_REGEXP.exec(tensor.name)?.[1] ?? []));
  const ofLayers = `${layers.size} ${layers.size === 1 ? "layer" : "layers"}`;
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  const group = { category, count: tensors.length, bytes };
  if (category === "kv") {
    const of = layers.size > 0 ? ` of ${ofLayers}` : "";
    return { name: `KV cache${of}${suffix}`, ...group, ...kvFormula(bytes, layers.size, facts) };
  }
  if (category === "weights" && layers.size > 0) {
    return { name: `weights of ${ofLayers}${suffix}`, ...group, ...weightsFormula(bytes, facts) };
  }
  if (category === "weights" || note === "(gathered)") {
    return { name, ...group, ...weightsFormula(bytes, facts) };
  }
  // Workspaces have sizes of their own; that a product of the workload's gives one of them is chance.
  const isSized = category === "activation" || category === "communication";
  return { name, ...group, ...(isSized ? activationFormula(tensors, facts) : {}) };
}

type Formula = Pick<TensorGroup, "formula">;

/**
 * 2 (keys and values) x layers x sequences x heads x tokens x elements of a head x bytes. The tokens are those so far,
 * or more where the cache is allocated beforehand.
 */
function kvFormula(
  bytes: number,
  layers: number,
  { shape, batchSize, lengthTokens, elementBytes }: GroupFacts,
): Formula {
  const perToken = 2 * batchSize * shape.headDim * elementBytes;
  for (const tokens of [lengthTokens, lengthTokens - 1]) {
    const ofHeads = bytes / (perToken * tokens);
    for (const copies of [1, 2, 3]) {
      const heads = ofHeads / (copies * layers);
      if (!Number.isInteger(heads) || heads < 1 || heads > shape.kvHeads) continue;
      if (shape.kvHeads % heads !== 0) continue;
      const product = `2 x ${layers} layers x ${batchSize} sequences x ${heads} heads x ` +
        `${tokens} tokens x ${shape.headDim} x ${elementBytes} B`;
      return { formula: copies === 1 ? product : `${copies} copies x ${product}` };
    }
  }
  const allocated = bytes / (perToken * layers * shape.kvHeads);
  if (!Number.isInteger(allocated) || allocated <= lengthTokens) return {};
  const product = `2 x ${layers} layers x ${batchSize} sequences x ${shape.kvHeads} heads x ` +
    `${allocated} tokens allocated x ${shape.headDim} x ${elementBytes} B`;
  return { formula: product };
}

function weightsFormula(bytes: number, { elementBytes }: GroupFacts): Formula {
  const elements = bytes / elementBytes;
  return Number.isInteger(elements)
    ? { formula: `${elements.toLocaleString("en-US")} x ${elementBytes} B` }
    : {};
}

type Size = readonly [size: number, name: string];

/**
 * A product of sizes that gives the bytes of each tensor. Sizes of different meaning are often equal (heads times their
 * elements and the hidden size), so that the products which a name speaks of come first, and booleans last.
 */
function activationFormula(tensors: readonly Tensor[], facts: GroupFacts): Formula {
  const [first] = tensors;
  if (first === undefined || first.bytes === 0) return {};
  if (tensors.some(({ bytes }) => bytes !== first.bytes)) return {};
  const times = tensors.length === 1 ? "" : `${tensors.length} x `;
  for (const widths of [[2, 4, 8], [1]]) {
    for (const product of productsFor(first.name, facts)) {
      const elements = product.reduce((total, [size]) => total * size, 1);
      const width = first.bytes / elements;
      if (!widths.includes(width)) continue;
      const sizes = product.filter(([size], index) => size !== 1 || index === 0)
        .map(([size, name]) => `${size} ${name}`);
      return { formula: `${times}${sizes.join(" x ")} x ${width} B` };
    }
  }
  return {};
}

/** Products of sizes, the likelier ones for a tensor of this name first. */
function productsFor(name: string, facts: GroupFacts): readonly (readonly Size[])[] {
  const { shape, batchSize, queryTokens, lengthTokens } = facts;
  const hidden: readonly Size[] = [
    [shape.vocabSize, "vocabulary"],
    [shape.intermediateSize, "intermediate"],
    [3 * shape.hiddenSize, "3 x hidden"],
    [shape.hiddenSize, "hidden"],
  ];
  const batch: Size = [batchSize, "sequences"];
  const query: Size = [queryTokens, "query tokens"];
  const length: Size = [lengthTokens, "tokens"];
  const heads: Size = [shape.heads, "heads"];
  const elements: Size = [shape.headDim, "elements"];
  const scores = [batch, heads, query, length];
  const ofHeads = [
    [batch, heads, query, elements],
    [batch, heads, length, elements],
    [batch, [shape.kvHeads, "heads"] as const, query, elements],
  ];
  const likely = /softmax|scores|probs/.test(name)
    ? [scores]
    : /mask/.test(name)
    ? [[batch, query, length]]
    : /query|key|value|rotary|context/.test(name)
    ? ofHeads
    : [];
  return [
    ...likely,
    ...hidden.flatMap((size) => [[batch, query, size], [batch, length, size], [batch, size]]),
    scores,
    [batch, heads, length, elements],
    [batch, query, length],
    [batch, length],
    [batch],
  ];
}
