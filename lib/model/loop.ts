/** The tensors of the generation loop: ids, masks, positions, scores, and what keeps them alive. */
import type { Execution, ForwardPass, KvCache, ModelFamily, ModelShape } from "./family.ts";
import { returnLogits } from "./head.ts";
import { growCache } from "./kv_cache.ts";
import { type Scores, selectToken } from "./sample.ts";
import type { Phase } from "../trace/trace.ts";
import type { Torch } from "./torch.ts";

/** Bytes of a token id, a mask entry or a position. */
const ID_BYTES = 8;

/** A generation loop, whatever the version of the library. */
export interface GenerationLoop {
  /** A first generation that is unlike the others, from within its phase; absent where all do the same. */
  warmUp?(pass: ForwardPass, beginPhase: (phase: Phase) => void): void;
  /** From the call of `generate` to the first pass. */
  begin(batch: number, promptTokens: number): void;
  /** One pass and the token that comes of it. */
  step(pass: ForwardPass): void;
  /** Jumps to a later step, with the tensors that it would find. */
  skipTo(pass: ForwardPass): void;
  /** The names go out of scope; the ids that the caller gets are last. */
  end(cache: readonly KvCache[]): void;
}

/** `GenerationMixin._sample`, step by step. */
export class GreedyLoop implements GenerationLoop {
  readonly #torch: Torch;
  readonly #family: ModelFamily;
  readonly #shape: ModelShape;
  readonly #execution: Execution;
  readonly #scores: Scores = {};
  /** The caller's ids and mask, which live throughout. */
  #given: number[] = [];
  /** Small tensors of fixed size. */
  #fixed: number[] = [];
  #ids: number | undefined;
  #mask: number | undefined;
  #positions: number | undefined;
  #cachePosition: number | undefined;
  /** Copies that the model was given in the step before; bound again when the next inputs are ready. */
  #inputs: number[] = [];
  /** What else only the inputs of the step before still hold. */
  #staleMask: number | undefined;
  #staleCachePosition: number | undefined;
  #staleCache: KvCache[] = [];
  #nextTokens: number | undefined;
  #unfinished: number | undefined;
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
    for (let index = 0; index < 3; index++) {
      this.#fixed.push(torch.tensor("special_tokens", ID_BYTES));
    }
    const { behaviours } = torch.runtime;
    if (behaviours.has("loop-position-ids") && this.#family.takesPositionIds) {
      this.#positions = this.#positionsOfMask(promptTokens);
      // masked_fill out of place.
      this.#positions = torch.rebind(this.#positions, "position_ids", bytes);
    }
    this.#unfinished = torch.tensor("unfinished_sequences", batch * ID_BYTES);
    if (behaviours.has("loop-cache-position")) {
      const ones = torch.tensor("ones", promptTokens * ID_BYTES);
      const sum = torch.rebind(ones, "cache_position", promptTokens * ID_BYTES);
      this.#cachePosition = torch.rebind(sum, "cache_position", promptTokens * ID_BYTES);
    }
  }

  step(pass: ForwardPass): void {
    const torch = this.#torch;
    torch.device = this.#execution.deviceOf("");
    const isPrefill = pass.past === 0;
    const inputs = this.#prepare(pass);
    this.#letGo();
    this.#inputs = inputs;
    // A tuple of caches is made anew by the forward, while the inputs' dictionary holds the one before.
    const isTuple = torch.runtime.behaviours.has("bloom-tuple-cache");
    const before = isTuple ? pass.cache.slice() : [];
    const [shape, execution] = [this.#shape, this.#execution];
    const output = this.#family.forward({ shape, pass, execution, torch });
    this.#staleCache = before;
    torch.device = this.#execution.deviceOf("");
    const logits = returnLogits(torch, output);
    const prefillIsCall = torch.runtime.behaviours.has("loop-position-ids");
    if (isPrefill && prefillIsCall) torch.free(...this.#inputs.splice(0));
    this.#extend(isPrefill);
    selectToken(torch, this.#batch, this.#shape.vocabSize, this.#scores);
    this.#append();
    torch.free(logits.handle);
  }

  /** The inputs' name is bound again; the order is that of the dictionary. */
  #letGo(): void {
    if (this.#family.takesPositionIds) {
      this.#release(this.#staleCachePosition, ...this.#inputs, this.#staleMask);
    } else this.#release(...this.#inputs, this.#staleCachePosition, this.#staleMask);
    for (const layer of this.#staleCache.splice(0)) {
      this.#release(...layer.map(({ handle }) => handle));
    }
    this.#inputs = [];
    this.#staleMask = this.#staleCachePosition = undefined;
  }

  /** `prepare_inputs_for_generation`: contiguous copies of the columns that are new. */
  #prepare({ query }: ForwardPass): number[] {
    const torch = this.#torch;
    const inputs = [torch.elementwise("model_inputs.input_ids", this.#columnBytes(query), 0)];
    if (!this.#family.takesPositionIds) return inputs;
    const bytes = this.#columnBytes(query);
    if (this.#positions !== undefined) {
      if (query !== this.#tokens) inputs.push(torch.elementwise("position_ids", bytes, bytes));
      return inputs;
    }
    const all = this.#positionsOfMask(this.#tokens);
    inputs.push(torch.elementwise("position_ids", bytes, bytes));
    torch.free(all);
    return inputs;
  }

  #positionsOfMask(tokens: number): number {
    const bytes = this.#columnBytes(tokens);
    const sum = this.#torch.elementwise("position_ids.cumsum", bytes, bytes);
    return this.#torch.rebind(sum, "position_ids", bytes);
  }

  /** `_update_model_kwargs_for_generation`: a column more in the mask and the positions. */
  #extend(isFirst: boolean): void {
    const torch = this.#torch;
    const bytes = this.#columnBytes(this.#tokens + 1);
    const positions = this.#positions;
    if (positions !== undefined) {
      this.#positions = torch.elementwise("position_ids", bytes, bytes);
    }
    const column = torch.tensor("attention_mask.ones", this.#batch * ID_BYTES);
    const mask = torch.elementwise("attention_mask", bytes, bytes);
    torch.free(column);
    // The arguments of generate hold the first positions to the end.
    if (positions !== undefined && isFirst) this.#fixed.push(positions);
    else this.#release(positions);
    // The model's inputs still hold the mask and the positions that they were given.
    this.#staleMask = this.#mask;
    this.#mask = mask;
    if (this.#cachePosition !== undefined) {
      const next = torch.tensor("cache_position", ID_BYTES);
      this.#staleCachePosition = this.#cachePosition;
      this.#cachePosition = next;
    }
  }

  #append(): void {
    const torch = this.#torch;
    const column = this.#batch * ID_BYTES;
    const argmax = torch.tensor("argmax", column);
    this.#release(this.#nextTokens);
    // Times whether the sequence goes on, plus the padding of those that do not; the name lives to the next step.
    const going = torch.tensor("next_tokens.going", column);
    const ended = torch.tensor("next_tokens.ended", column);
    const padding = torch.rebind(ended, "next_tokens.padding", column);
    this.#nextTokens = torch.tensor("next_tokens", column);
    torch.free(padding, going, argmax);
    const bytes = this.#columnBytes(this.#tokens + 1);
    const ids = torch.elementwise("input_ids", bytes, bytes);
    this.#release(this.#ids);
    this.#ids = ids;
    const unfinished = torch.tensor("unfinished_sequences", column);
    this.#release(this.#unfinished);
    this.#unfinished = unfinished;
    this.#tokens += 1;
  }

  skipTo(pass: ForwardPass): void {
    const torch = this.#torch;
    growCache(torch, this.#shape, pass);
    torch.device = this.#execution.deviceOf("");
    this.#letGo();
    this.#tokens = pass.past + 1;
    const bytes = this.#columnBytes(this.#tokens);
    this.#ids = this.#resize(this.#ids, "input_ids", bytes);
    this.#mask = this.#resize(this.#mask, "attention_mask", bytes);
    this.#positions = this.#resize(this.#positions, "position_ids", bytes);
  }

  #resize(old: number | undefined, name: string, bytes: number): number | undefined {
    if (old === undefined) return undefined;
    this.#torch.free(old);
    return this.#torch.tensor(name, bytes);
  }

  end(cache: readonly KvCache[]): void {
    const { copy, processed } = this.#scores;
    this.#release(this.#mask, this.#positions, this.#nextTokens);
    this.#letGo();
    this.#release(this.#cachePosition);
    this.#release(copy, processed, this.#unfinished, ...this.#fixed);
    for (const layer of cache) this.#release(...layer.map(({ handle }) => handle));
    this.#release(this.#ids, ...this.#given);
  }

  #release(...names: readonly (number | undefined)[]): void {
    for (const name of names) if (name !== undefined) this.#torch.free(name);
  }

  #columnBytes(tokens: number): number {
    return this.#batch * tokens * ID_BYTES;
  }
}
