/** What can be said of a decoder whose family nobody has written down. */
import type { HfConfig } from "../language/pipeline.ts";
import { positiveInteger } from "./config.ts";

/** An estimate from the sizes alone: no activations, no masks, no copies. */
export interface GenericEstimate {
  readonly parameters: number;
  /** Keys and values of one token in two bytes an element. */
  readonly kvBytesPerToken: number;
}

/**
 * Twelve times the square of the hidden size for each layer (four in attention, eight in the MLP) and one embedding;
 * undefined where the config does not say how large the model is.
 */
export function genericEstimate(config: HfConfig): GenericEstimate | undefined {
  const { value } = positiveInteger(config, {
    hiddenSize: ["hidden_size", "n_embd", "n_embed", "d_model"],
    layers: ["num_hidden_layers", "n_layer", "num_layers"],
    vocabSize: ["vocab_size"],
  });
  if (value === undefined) return undefined;
  const { hiddenSize, layers, vocabSize } = value;
  const parameters = 12 * layers * hiddenSize ** 2 + vocabSize * hiddenSize;
  if (!Number.isSafeInteger(parameters)) return undefined;
  return { parameters, kvBytesPerToken: 2 * layers * hiddenSize * 2 };
}
