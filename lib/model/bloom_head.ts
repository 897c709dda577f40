/** BLOOM's head. */
import type { Execution, ForwardPass, Logits, ModelShape } from "./family.ts";
import type { Placed, Torch } from "./torch.ts";

/** lm_head over all positions, or the last one. */
export function head(
  torch: Torch,
  final: Placed,
  shape: ModelShape,
  pass: ForwardPass,
  execution: Execution,
): Logits {
  const { elementBytes, behaviours } = torch.runtime;
  const positions = behaviours.has("logits-of-all-positions") ? pass.query : 1;
  const rows = pass.batch * positions;
  torch.device = execution.deviceOf("lm_head");
  const given = { ...final, bytes: rows * shape.hiddenSize * elementBytes };
  const [moved] = torch.send("lm_head", [given], torch.device);
  execution.enter("lm_head", given.bytes);
  const inputs = execution.lmHeadSplit ? shape.hiddenSize / pass.tensorParallel : shape.hiddenSize;
  const logits = torch.linearWithoutBias("logits", { rows, inputs, outputs: shape.vocabSize });
  const bytes = rows * shape.vocabSize * elementBytes;
  if (execution.lmHeadSplit) execution.allReduce(torch.device, bytes);
  execution.leave("lm_head");
  if (moved !== undefined) torch.free(moved);
  torch.free(final.handle);
  return { device: torch.device, handle: logits, bytes };
}
