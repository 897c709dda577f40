/** The written form as a JSON Schema, which editors read. */
import * as z from "zod";
import { pipelineSchema } from "./schema.ts";

/**
 * JSON Schema draft-07 of a pipeline file, made from the types that check it. Draft-07 is the newest that
 * the YAML language server reads.
 */
export function pipelineJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...schema } = z.toJSONSchema(pipelineSchema, {
    target: "draft-7",
    io: "input",
    reused: "inline",
  });
  return { $schema, title: "Stowage pipeline", ...schema };
}

/** The text of `schema/pipeline.schema.json`. */
export function pipelineJsonSchemaText(): string {
  return `${JSON.stringify(pipelineJsonSchema(), null, 2)}\n`;
}
