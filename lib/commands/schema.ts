/** `schema`: the JSON Schema of a pipeline file, for editors. */
import { pipelineJsonSchemaText } from "../language/json_schema.ts";
import { type CommonSettings, EXIT } from "./settings.ts";

/** @returns 0 */
export function schemaCommand({ terminal }: CommonSettings): number {
  terminal.write(pipelineJsonSchemaText());
  return EXIT.done;
}
