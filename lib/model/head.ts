/** The head that turns hidden states into logits, and their way back to the loop. */
import type { ForwardCall, Logits } from "./family.ts";
import type { Placed, Torch } from "./torch.ts";

/** `lm_head` over the last position, or over `positions` of each sequence. */
export function lastLogits(
  { torch, shape, pass, execution }: ForwardCall,
  final: Placed,
  { positions = 1, name = "lm_head" } = {},
): Logits {
  const { elementBytes } = torch.runtime;
  const rows = pass.batch * positions;
  torch.device = execution.deviceOf(name);
  const given = { ...final, bytes: rows * shape.hiddenSize * elementBytes };
  const [moved] = torch.send(name, [given], torch.device);
  execution.enter(name, given.bytes);
  const inputs = execution.lmHeadSplit ? shape.hiddenSize / pass.tensorParallel : shape.hiddenSize;
  const product = { rows, inputs, outputs: shape.vocabSize };
  // The last position of each of several prompts: rows that lie apart, unless they were copied to another device.
  const isSlice = positions < pass.query && pass.batch > 1 && moved === undefined;
  const logits = isSlice && torch.runtime.frozenWeights === true
    ? torch.linearByRow("logits", product)
    : torch.linearWithoutBias("logits", product);
  const bytes = rows * shape.vocabSize * elementBytes;
  if (execution.lmHeadSplit) execution.allReduce(torch.device, bytes);
  execution.leave(name);
  if (moved !== undefined) torch.free(moved);
  torch.free(final.handle);
  return { device: torch.device, handle: logits, bytes };
}

/** The hook of the whole model returns its output to the device of its input, where the loop is. */
export function returnLogits(torch: Torch, logits: Logits): Logits {
  const [moved] = torch.send("logits", [logits], torch.device);
  if (moved === undefined) return logits;
  torch.free(logits.handle);
  return { ...logits, handle: moved, device: torch.device };
}
