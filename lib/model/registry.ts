/** The model families, by `model_type`. Adding one means adding a file and a line here. */
import { bloom } from "./bloom.ts";
import type { ModelFamily } from "./family.ts";
import { gpt2 } from "./gpt2.ts";
import { gptNeox } from "./gpt_neox.ts";
import { llama } from "./llama.ts";
import { opt } from "./opt.ts";

const FAMILIES: readonly ModelFamily[] = [bloom, gpt2, gptNeox, llama, opt];

/** The family of a `model_type`; undefined when there is none. */
export function findFamily(modelType: string): ModelFamily | undefined {
  return FAMILIES.find((family) => family.modelTypes.includes(modelType));
}

/** Every `model_type` that can be traced. */
export function supportedModelTypes(): string[] {
  return FAMILIES.flatMap((family) => [...family.modelTypes]);
}
