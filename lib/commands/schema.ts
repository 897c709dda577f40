/** `schema`: what a pipeline file may hold, as a JSON Schema for editors or as a page for people. */
import { pipelineJsonSchemaText } from "../language/json_schema.ts";
import { type CommonSettings, EXIT } from "./settings.ts";

/** Arguments of `schema`. */
export interface SchemaSettings extends CommonSettings {
  readonly format: "json" | "markdown";
}

/** @returns 0 */
export async function schemaCommand({ terminal, format }: SchemaSettings): Promise<number> {
  if (format === "json") {
    terminal.write(pipelineJsonSchemaText());
    return EXIT.done;
  }
  const { renderMarkdown } = await import("../report/document.ts");
  const { pipelineReference } = await import("../report/pipeline_reference.ts");
  terminal.write(renderMarkdown(pipelineReference()));
  return EXIT.done;
}
