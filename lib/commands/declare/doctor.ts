import type { Command } from "../commander.ts";
import { type Action, command, given, plainFormatOption } from "./words.ts";

/** Declares the command. */
export function declareDoctor(program: Command, action: Action): void {
  command(program, "doctor", {
    summary: "say what is there on this host and what is missing",
    description:
      "Looks for what a run needs: an interpreter, a compiler, room in the cache folder, GPUs. It installs and changes " +
      "nothing. What is missing comes with the command that would mend it; exit code 1 says that something is.",
    examples: [
      ["stowage doctor", "Look before the first run"],
      ["stowage doctor --python .venv/bin/python", "Look at an interpreter of your own"],
    ],
  })
    .option("--python <path>", "interpreter to look at")
    .addOption(plainFormatOption())
    .action(action(async (common, _operands, { format, python }) => {
      const { doctorCommand } = await import("../doctor.ts");
      return doctorCommand({ ...common, ...given({ python }), json: format === "json" });
    }));
}
