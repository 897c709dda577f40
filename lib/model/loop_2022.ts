/** The generation loop of transformers before 4.39, where greedy decoding was a function of its own. */
import type { Execution, ForwardPass, KvCache, Logits, ModelFamily, ModelShape } from "./family.ts";
import { returnLogits } from "./head.ts";
import { growCache } from "./kv_cache.ts";
import type { GenerationLoop } from "./loop.ts";
import type { Torch } from "./torch.ts";

/** Bytes of a token id, a mask entry or a position. */
const ID_BYTES = 8;

/** `GenerationMixin.greedy_search`, step by step. */
export class GreedySearch implements GenerationLoop {
  readonly #torch: Torch;
  readonly #family: ModelFamily;
  readonly #shape: ModelShape;
  readonly #execution: Execution;
  #given: number[] = [];
  #unfinished: number | undefined;
  #ids: number | undefined;
  #mask: number | undefined;
  #positions: number | undefined;
  /** The outputs' name is bound again when the next pass returns, so the logits live through it. */
  #logits: Logits | undefined;
  /** Ids, a mask and a cache that only the inputs of the step before still hold. */
  #staleIds: number | undefined;
  #staleMask: number | undefined;
  #staleCache: KvCache[] = [];
  #batch = 0;
  #tokens = 0;

  constructor(torch: Torch, family: ModelFamily, shape: ModelShape, execution: Execution) {
    this.#torch = torch;
    this.#family = family;
    this.#shape = shape;
    this.#execution = execution;
  }

  begin(batch: number, promptTokens: number): void {
    const torch = this.#torch;
    this.#batch = batch;
    this.#tokens = promptTokens;
    torch.device = this.#execution.deviceOf("");
    const bytes = this.#columnBytes(promptTokens);
    this.#given = [torch.tensor("input_ids", bytes), torch.tensor("attention_mask", bytes)];
    this.#unfinished = torch.tensor("unfinished_sequences", batch * ID_BYTES);
  }

  step(pass: ForwardPass): void {
    const torch = this.#torch;
    torch.device = this.#execution.deviceOf("");
    this.#prepare();
    const before = [...pass.cache];
    const [shape, execution] = [this.#shape, this.#execution];
    const output = this.#family.forward({ shape, pass, execution, torch });
    torch.device = this.#execution.deviceOf("");
    const logits = returnLogits(torch, output);
    if (this.#logits !== undefined) torch.free(this.#logits.handle);
    this.#logits = logits;
    this.#append();
    this.#extend();
    this.#staleCache = before;
  }

  /** `prepare_inputs_for_generation`: positions from the mask; the inputs of the step before are let go. */
  #prepare(): void {
    const torch = this.#torch;
    const { behaviours } = torch.runtime;
    // BLOOM makes none from 4.22 on.
    if (!this.#family.takesPositionIds && !behaviours.has("bloom-tokens-first-cache")) {
      this.#letGo();
      return;
    }
    const bytes = this.#columnBytes(this.#tokens);
    const sum = torch.elementwise("position_ids.cumsum", bytes, bytes);
    const positions = torch.rebind(sum, "position_ids", bytes);
    const marked = torch.elementwise("position_ids.padding", this.#batch * this.#tokens, bytes);
    torch.free(marked);
    const keepsPositions = this.#family.takesPositionIds ||
      behaviours.has("bloom-fused-cache");
    // BLOOM of 4.21 makes positions and does not hand them on.
    if (!keepsPositions) torch.free(positions);
    this.#letGo();
    this.#positions = keepsPositions ? positions : undefined;
  }

  /** The inputs' name is bound again. */
  #letGo(): void {
    this.#release(this.#staleIds);
    for (const layer of this.#staleCache) this.#release(...layer.map(({ handle }) => handle));
    this.#release(this.#positions, this.#staleMask);
    this.#staleIds = this.#staleMask = this.#positions = undefined;
    this.#staleCache = [];
  }

  /** The token of each sequence, from the logits themselves. */
  #append(): void {
    const torch = this.#torch;
    const column = this.#batch * ID_BYTES;
    torch.kernel("argmax", this.#batch * this.#shape.vocabSize * torch.runtime.elementBytes);
    const argmax = torch.tensor("argmax", column);
    const tokens = torch.tensor("next_tokens", column);
    torch.free(argmax);
    const bytes = this.#columnBytes(this.#tokens + 1);
    const ids = torch.elementwise("input_ids", bytes, bytes);
    torch.free(tokens);
    this.#staleIds = this.#ids;
    this.#ids = ids;
  }

  #extend(): void {
    const torch = this.#torch;
    const bytes = this.#columnBytes(this.#tokens + 1);
    const column = torch.tensor("attention_mask.ones", this.#batch * ID_BYTES);
    const mask = torch.elementwise("attention_mask", bytes, bytes);
    torch.free(column);
    this.#staleMask = this.#mask;
    this.#mask = mask;
    this.#tokens += 1;
  }

  skipTo(pass: ForwardPass): void {
    const torch = this.#torch;
    this.#letGo();
    growCache(torch, this.#shape, pass);
    torch.device = this.#execution.deviceOf("");
    this.#tokens = pass.past + 1;
    const bytes = this.#columnBytes(this.#tokens);
    this.#release(this.#ids, this.#mask);
    this.#ids = torch.tensor("input_ids", bytes);
    this.#mask = torch.tensor("attention_mask", bytes);
    if (this.#logits === undefined) return;
    // The logits of a decode step are those of one position.
    this.#release(this.#logits.handle);
    const logitsBytes = this.#batch * this.#shape.vocabSize * torch.runtime.elementBytes;
    this.#logits = {
      handle: torch.tensor("logits", logitsBytes),
      device: torch.device,
      bytes: logitsBytes,
    };
  }

  end(cache: readonly KvCache[]): void {
    this.#release(this.#mask);
    this.#letGo();
    for (const layer of cache) this.#release(...layer.map(({ handle }) => handle));
    this.#release(this.#logits?.handle, this.#unfinished, this.#ids, ...this.#given);
  }

  #release(...names: readonly (number | undefined)[]): void {
    for (const name of names) if (name !== undefined) this.#torch.free(name);
  }

  #columnBytes(tokens: number): number {
    return this.#batch * tokens * ID_BYTES;
  }
}
