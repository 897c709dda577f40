import type { Command } from "../commander.ts";
import { type Action, command, oneOf } from "./words.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

/** Declares the command. */
export function declareCompletions(program: Command, action: Action): void {
  command(program, "completions", {
    summary: "print completions for a shell",
    description:
      "Prints a script that teaches a shell the commands, options and choices of a program called stowage.",
    examples: [
      ["source <(stowage completions bash)", "Teach bash, in ~/.bashrc"],
      ["stowage completions zsh > ~/.zfunc/_stowage", "Teach zsh, in a folder of fpath"],
      ["stowage completions fish > ~/.config/fish/completions/stowage.fish", "Teach fish"],
    ],
  })
    .argument("<shell>", SHELLS.join(", "), oneOf(SHELLS))
    .action(action(async (common, [shell]) => {
      const { completionsCommand } = await import("../completions.ts");
      return completionsCommand({ ...common, shell: shell as typeof SHELLS[number], program });
    }));
}
