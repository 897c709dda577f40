/** The blocks of a model in turn, each on the device that it is placed on. */
import type { BlockOutput, ForwardCall } from "./family.ts";
import type { Placed } from "./torch.ts";

/** The blocks that a pass goes through. */
export interface Blocks {
  /** Full name of the module of one layer. */
  readonly blockName: (layer: number) => string;
  /** What else a block is given, and has copied to its device by accelerate's hook. */
  readonly given: (layer: number) => readonly Placed[];
  /** A tensor that the caller names as well: the walk does not free it. */
  readonly held?: number;
}

/** Runs every block; each one's output takes the place of its input, which is then freed unless it was written over. */
export function runBlocks(
  { torch, execution, shape, pass }: ForwardCall,
  { blockName, given, held }: Blocks,
  first: Placed,
  block: (layer: number) => BlockOutput,
): Placed {
  let hidden = first;
  for (let layer = 0; layer < shape.layers; layer++) {
    const name = blockName(layer);
    torch.device = execution.deviceOf(name);
    const copies = torch.send(name, [hidden, ...given(layer)], torch.device);
    execution.enter(name, hidden.bytes);
    const own = { layer, hidden, isHeld: hidden.handle === held, shape, pass };
    const { handle, dropped = [] } = execution.layer?.(torch, own) ?? block(layer);
    execution.leave(name);
    for (const copy of copies) if (copy !== undefined) torch.free(copy);
    torch.free(...dropped);
    if (hidden.handle !== held && hidden.handle !== handle) torch.free(hidden.handle);
    hidden = { handle, device: torch.device, bytes: hidden.bytes };
  }
  return hidden;
}

/** Runs the norm behind the last block where it is placed; the norm's input stays alive. */
export function finalNorm(
  call: ForwardCall,
  name: string,
  hidden: Placed,
  norm: (call: ForwardCall, name: string) => number,
): Placed {
  const { torch, execution } = call;
  torch.device = execution.deviceOf(name);
  const [moved] = torch.send(name, [hidden], torch.device);
  const handle = norm(call, name);
  if (moved !== undefined) torch.free(moved);
  return { handle, device: torch.device, bytes: hidden.bytes };
}
