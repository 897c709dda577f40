/** BLOOM's attention biases. */
import { type ForwardPass, keyLength } from "./family.ts";
import type { Placed, Torch } from "./torch.ts";

/**
 * `build_alibi_tensor`: positions of the unmasked tokens, times a slope for each head, in float32 and then in the dtype
 * of the model. All heads are made, however many ranks share them. Python lets go of everything but the result at the
 * end.
 *
 * @param ranks Those that cut the heads: each copies its own before they are converted (`build_bloom_alibi_tensor` of
 * deepspeed/module_inject/auto_tp_model_utils.py).
 */
export function alibiOf(torch: Torch, heads: number, pass: ForwardPass, ranks = 1): Placed {
  // A static cache has the attention mask padded to its length.
  const tokens = pass.batch * keyLength(pass);
  const powerOfTwo = 2 ** Math.floor(Math.log2(heads));
  const locals = [
    torch.tensor("alibi.base", 4),
    torch.tensor("alibi.powers", powerOfTwo * 4),
    torch.mixed("alibi.slopes", powerOfTwo * 4, powerOfTwo * 4, powerOfTwo * 4),
  ];
  if (powerOfTwo !== heads) {
    const rest = Math.min(powerOfTwo, heads - powerOfTwo) * 4;
    locals.push(torch.tensor("alibi.extra_base", 4), torch.tensor("alibi.extra_powers", rest));
    const extra = torch.mixed("alibi.extra_slopes", rest, rest, rest);
    const all = torch.elementwise("alibi.slopes", heads * 4, heads * 4);
    torch.free(extra, locals[2] ?? -1);
    locals[2] = all;
  }
  let positions = torch.elementwise("alibi.cumsum", tokens * 8, tokens * 8);
  positions = torch.rebind(positions, "alibi.positions", tokens * 8);
  locals.push(torch.rebind(positions, "alibi.arange", tokens * 8, 2 * tokens * 8));
  const elements = tokens * heads;
  let float = torch.mixed("alibi_float", elements * 4, tokens * 8, tokens * 4);
  if (torch.runtime.behaviours.has("bloom-tokens-first-cache")) {
    // Once more by the attention mask.
    const masked = torch.mixed("alibi_float", elements * 4, tokens * 8, tokens * 4);
    torch.free(float);
    float = masked;
  }
  const { elementBytes } = torch.runtime;
  const own = elements / ranks;
  const bytes = own * elementBytes;
  // The heads of one sequence lie beside each other.
  const cut = ranks === 1 || pass.batch === 1
    ? float
    : torch.elementwise("alibi_float (own heads)", own * 4, own * 4);
  const handle = elementBytes === 4 ? cut : torch.elementwise("alibi", bytes, own * 4);
  if (handle !== cut && cut !== float) torch.free(cut);
  torch.free(...locals);
  if (handle !== float) torch.free(float);
  return { handle, device: torch.device, bytes };
}
