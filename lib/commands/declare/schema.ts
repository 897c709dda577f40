import { type Command, Option } from "../commander.ts";
import { type Action, command } from "./words.ts";

/** Declares the command. */
export function declareSchema(program: Command, action: Action): void {
  command(program, "schema", {
    summary: "print the JSON Schema of a pipeline file",
    description:
      "Prints the JSON Schema (draft-07) of a pipeline file, from which editors complete keys, show what they mean " +
      "and mark mistakes while you type. Name it in the first line of a pipeline: " +
      "# yaml-language-server: $schema=pipeline.schema.json",
    examples: [
      ["stowage schema > pipeline.schema.json", "Save it beside your pipelines"],
      ["stowage schema --format markdown", "Read the keys, their values and what they mean"],
    ],
  })
    .addOption(
      new Option("--format <format>", "JSON Schema, or a page of tables")
        .choices(["json", "markdown"]).default("json"),
    )
    .action(action(async (common, _operands, flags) => {
      const { schemaCommand } = await import("../schema.ts");
      return schemaCommand({
        ...common,
        format: flags.format === "markdown" ? "markdown" : "json",
      });
    }));
}
