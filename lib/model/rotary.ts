/** Rotary positions: tables of cosines and sines, and what turning queries and keys by them takes. */
import type { BehaviourName } from "../catalog/behaviours.ts";
import type { ForwardPass } from "./family.ts";
import type { Placed, Torch } from "./torch.ts";

/** Frequencies of the positions in float32, of which 5.x keeps a copy as they were at first. */
export function rotaryBuffers(
  dimensions: number,
  behaviours: ReadonlySet<BehaviourName>,
): { readonly name: string; readonly bytes: number }[] {
  const names = behaviours.has("loop-position-ids")
    ? ["inv_freq", "original_inv_freq"]
    : ["inv_freq"];
  return names.map((name) => ({ name, bytes: Math.floor(dimensions / 2) * 4 }));
}

/** `LlamaRotaryEmbedding.forward`: in float32, then in the dtype of the model. */
export function rotaryTables(torch: Torch, pass: ForwardPass, headDim: number): Placed[] {
  const rows = pass.batch * pass.query;
  const floatBytes = rows * headDim * 4;
  const { elementBytes } = torch.runtime;
  const bytes = rows * headDim * elementBytes;
  const positions = torch.elementwise("rotary.positions", rows * 4, rows * 8);
  const angles = torch.bmm("rotary.angles", floatBytes / 2, rows * 4, rows * headDim);
  const both = torch.elementwise("rotary.both", floatBytes, floatBytes / 2);
  const floats = ["cos", "sin"].map((name) => {
    const table = torch.elementwise(name, floatBytes, floatBytes);
    return torch.rebind(table, `rotary.${name}`, floatBytes);
  });
  const tables = elementBytes === 4
    ? floats
    : ["cos", "sin"].map((name) => torch.elementwise(`rotary.${name}`, bytes, floatBytes));
  torch.free(positions, angles, both);
  if (tables !== floats) torch.free(...floats);
  return tables.map((handle) => ({ handle, device: torch.device, bytes }));
}

/** `x * cos + rotate_half(x) * sin` of `bytes`. */
export function applyRotary(torch: Torch, name: string, bytes: number): number {
  const cosine = torch.indexed(`${name}.cos`, bytes);
  const negative = torch.elementwise(`${name}.negative`, bytes / 2, bytes / 2);
  const rotated = torch.rebindCat(negative, `${name}.rotated`, bytes);
  const sine = torch.rebindIndexed(rotated, `${name}.sin`, bytes);
  const sum = torch.indexed(`${name}.rotary`, bytes, 2 * bytes);
  torch.free(sine, cosine);
  return sum;
}
