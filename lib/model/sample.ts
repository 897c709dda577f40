/** How the greedy loop picks the next token from the logits of the last position. */
import type { Torch } from "./torch.ts";

/** Score tensors that live from one step into the next, because their names are bound again only then. */
export interface Scores {
  copy?: number;
  processed?: number;
}

/**
 * A processor that forbids the end token (`MinLengthLogitsProcessor`, `MinNewTokensLengthLogitsProcessor`): marks it
 * among all tokens, clones the scores and replaces the clone by the result of a `where`.
 */
function forbidEnd(
  torch: Torch,
  name: string,
  batch: number,
  vocabSize: number,
  cloneFirst: boolean,
): number {
  const bytes = batch * vocabSize * scoreBytes(torch);
  const clone = () => torch.elementwise(`${name}.clone`, bytes, bytes);
  let scores = cloneFirst ? clone() : undefined;
  const vocabulary = torch.elementwise(`${name}.vocabulary`, vocabSize * 8, 0);
  const isEnd = torch.elementwise(`${name}.is_end`, vocabSize, vocabSize * 8);
  if (torch.runtime.deviceType === "gpu") {
    // isin compares with one end token after the other: the comparison, and the union so far.
    torch.free(torch.tensor("isin.equal", vocabSize), torch.tensor("isin.union", vocabSize));
  }
  scores ??= clone();
  // `where` makes a tensor of the number that it is given.
  const infinity = torch.elementwise(`${name}.infinity`, scoreBytes(torch), 0);
  scores = torch.rebind(scores, `${name}.scores`, bytes);
  torch.free(vocabulary, isEnd, infinity);
  return scores;
}

/** Bytes of one score: float32, or what the model computes in. */
function scoreBytes({ runtime }: Torch): number {
  return runtime.behaviours.has("loop-scores-in-float32") ? 4 : runtime.elementBytes;
}

/** From the copy of the last logits to the token, and what stays until the next step. */
export function selectToken(
  torch: Torch,
  batch: number,
  vocabSize: number,
  scores: Scores,
): void {
  const bytes = batch * vocabSize * scoreBytes(torch);
  const copy = torch.elementwise(
    "next_token_logits",
    bytes,
    batch * vocabSize * torch.runtime.elementBytes,
  );
  if (scores.copy !== undefined) torch.free(scores.copy);
  scores.copy = copy;
  // generate sets min_length from min_new_tokens as well, so both processors run.
  const first = forbidEnd(torch, "min_length", batch, vocabSize, false);
  const second = forbidEnd(torch, "min_new_tokens", batch, vocabSize, true);
  torch.free(first);
  if (scores.processed !== undefined) torch.free(scores.processed);
  scores.processed = second;
  torch.kernel("argmax", bytes);
}
