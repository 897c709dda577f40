/** The models that are known by name; a family of them is a file of `data/models`. */
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { unknownModel } from "../diagnostics/messages/catalog.ts";
import { suggest } from "../diagnostics/suggest.ts";
import bloom from "./data/models/bloom.json" with { type: "json" };
import gpt2 from "./data/models/gpt2.json" with { type: "json" };
import gptNeox from "./data/models/gpt_neox.json" with { type: "json" };
import llama from "./data/models/llama.json" with { type: "json" };
import mistral from "./data/models/mistral.json" with { type: "json" };
import opt from "./data/models/opt.json" with { type: "json" };
import qwen from "./data/models/qwen.json" with { type: "json" };
import type { ModelFact } from "./facts.ts";

const MODELS: readonly ModelFact[] = [bloom, llama, mistral, qwen, opt, gptNeox, gpt2]
  .flatMap(({ models }): readonly ModelFact[] => models);

/** Every model with the sources of its numbers, in catalog order. */
export function modelFacts(): readonly ModelFact[] {
  return MODELS;
}

/** The model of that name or alias, compared without regard to case. */
export function findModel(name: string): ModelFact | undefined {
  const lowered = name.toLowerCase();
  return MODELS.find((model) =>
    [model.name, ...model.aliases].some((spelling) => spelling.toLowerCase() === lowered)
  );
}

/**
 * What to say of a name that `findModel` does not know.
 *
 * @param isFolder Whether there is a folder or file of that name, which a path would have to be written for.
 */
export function modelUnknown(name: string, isFolder = false): Diagnostic {
  const names = MODELS.flatMap((model) => [model.name, ...model.aliases]);
  const suggestion = isFolder ? `./${name}` : suggest(name, names);
  return unknownModel({ name, suggestion }, { path: ["model"] });
}
