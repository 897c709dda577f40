import type { Command } from "../commander.ts";
import { type Action, command, given } from "./words.ts";

/** Declares the command. */
export function declareExplain(program: Command, action: Action): void {
  command(program, "explain", {
    summary: "explain a diagnostic code, a behaviour of a library, or a cell of a pipeline",
    description:
      "With a code: what the diagnostic means, why it exists and what to do. With the name of a behaviour: what a " +
      "library does, in which versions, and how it is known. With a pipeline and the id of a cell: " +
      "the prediction term by term, for every device and phase, with the tensors that make the peak.",
    examples: [
      ["stowage explain STW104", "Learn what a code means"],
      ["stowage explain safetensors-mapped", "Learn what a library does, and since when"],
      ["stowage explain pipelines/bloom.yaml ds-zero/batchSize=64", "See why a cell does not fit"],
    ],
  })
    .argument(
      "<code-or-file>",
      "code such as STW104, behaviour such as safetensors-mapped, or a pipeline file",
    )
    .argument("[cell]", "cell id, as plan prints it")
    .action(action(async (common, [subject = "", cell]) => {
      const { explainCommand } = await import("../explain.ts");
      return explainCommand({ ...common, ...given({ cell }), subject });
    }));
}
