/** STW101 to STW119: a pipeline file that cannot be read as YAML at all. */
import { message } from "../diagnostic.ts";
import { quote, shorten } from "../quote.ts";

export const invalidYaml = message<{ problem: string; advice: string }>({
  code: "STW101",
  title: "The file is not valid YAML",
  explanation:
    "A pipeline is a YAML 1.2 file, of which JSON is a part. The reader stopped where the carets point, and what " +
    "follows that place was not checked. The usual causes are a tab in the indentation, a missing space after a " +
    "colon, a quote or bracket that is never closed, and keys of one mapping that start in different columns.",
  message: ({ problem }) => `The file is not valid YAML: ${shorten(problem, 120)}`,
  help: ({ advice }) => advice,
});

export const duplicateKey = message<{ key: string }>({
  code: "STW102",
  title: "A key stands twice in one mapping",
  explanation:
    "YAML does not say which of two equal keys counts, and readers differ. Nothing is guessed: keep one of them. " +
    "To try several values of an option, list them under the grid.",
  message: ({ key }) => `The key ${quote(key)} stands twice in this mapping`,
  help: () => "Remove one of the two",
});

export const tooManyValues = message<{ limit: number }>({
  code: "STW103",
  title: "The file holds too many values",
  explanation:
    "An alias such as *a repeats all that its anchor &a names. Aliases of aliases multiply, so a small file can stand " +
    "for billions of values. The file is refused before it is expanded. Write the values out, or repeat less.",
  message: ({ limit }) =>
    `The file holds more than ${limit.toLocaleString("en")} values, those behind aliases included`,
  help: () => "Use fewer values, and no aliases of aliases",
});

export const badAlias = message<{ alias: string; contained: boolean }>({
  code: "STW104",
  title: "An alias does not name an anchor before it",
  explanation:
    "An alias such as *a stands for the value that was marked &a earlier in the file. The anchor has to come first, and " +
    "a value cannot contain an alias of itself. A text that starts with an asterisk has to stand in quotes.",
  message: ({ alias, contained }) =>
    contained
      ? `The alias ${quote(alias)} stands inside the value that it names`
      : `The alias ${quote(alias)} names no anchor that comes before it`,
  help: () => "Mark the value with & earlier in the file, or put the text in quotes",
});

export const severalDocuments = message<Record<string, never>>({
  code: "STW105",
  title: "The file holds several YAML documents",
  explanation:
    "A line of three dashes starts another YAML document. One file is one pipeline, so only one document is accepted. " +
    "Put each pipeline into a file of its own.",
  message: () => "A second YAML document starts here, and a pipeline file holds one",
  help: () => "Move it to a file of its own",
});

export const notMapping = message<{ found: string }>({
  code: "STW106",
  title: "The file is not a mapping",
  explanation:
    "The top of a pipeline file is a mapping of keys to values: model, hardware, strategies and others. A list or a " +
    "single text cannot be a pipeline. The command schema prints the keys that exist.",
  message: ({ found }) => `Expected a mapping of keys to values, found ${found}`,
  help: () => 'Start the file with keys such as "model: bigscience/bloom-560m"',
});

export const emptyFile = message<Record<string, never>>({
  code: "STW107",
  title: "The file is empty",
  explanation:
    "The file holds no value, or only comments. A pipeline needs at least the keys model, hardware and strategies. " +
    "The folder pipelines holds examples to start from.",
  message: () => "The file holds no pipeline",
  help: () => "Give it at least the keys model, hardware and strategies",
});

export const notText = message<{ reason: string }>({
  code: "STW108",
  title: "The file is not UTF-8 text",
  explanation:
    "A pipeline file is text in UTF-8. This one holds bytes that are not, or NUL characters, as archives, images and " +
    "files in UTF-16 do. Check that the path names the file that was meant, and save it as UTF-8.",
  message: ({ reason }) => `The file is not UTF-8 text: ${reason}`,
  help: () => "Check the path, or save the file as UTF-8",
});

export const fileTooLarge = message<{ bytes: number; limitBytes: number }>({
  code: "STW109",
  title: "The file is too large for a pipeline",
  explanation:
    "Pipelines are written by people and take a few kilobytes. A file beyond the limit is most likely a wrong path, and " +
    "it is refused unread. A grid is written as lists of values, which are expanded later.",
  message: ({ bytes, limitBytes }) =>
    `The file has ${bytes.toLocaleString("en")} bytes, and a pipeline may have ` +
    limitBytes.toLocaleString("en"),
  help: () => "Check the path of the file; a saved plan is for run alone",
});

export const nestedTooDeeply = message<{ limit: number }>({
  code: "STW110",
  title: "The file is nested too deeply",
  explanation:
    "Mappings and lists stand inside each other beyond any depth that a pipeline or a model configuration needs. Such " +
    "a file is refused, because reading it could exhaust the stack. Brackets that are never closed are a common cause.",
  message: ({ limit }) => `Values are nested more than ${limit} levels deep`,
  help: () => "Look for brackets that are never closed",
});

export const unsupportedYaml = message<{ what: string; advice: string }>({
  code: "STW111",
  title: "The file uses a part of YAML that pipelines do not have",
  explanation:
    "Pipelines keep to what JSON can say: mappings with text as keys, lists, texts, numbers, true, false and null. " +
    "Tags such as !!binary, mappings as keys, the merge key << and the numbers .inf and .nan have no meaning here, and " +
    "the key __proto__ is refused because programs that read a plan could be misled by it.",
  message: ({ what }) => `${what} is not supported in a pipeline`,
  help: ({ advice }) => advice,
});

export const isSavedPlan = message<Record<string, never>>({
  code: "STW112",
  title: "The file is a saved plan, not a pipeline",
  explanation:
    "The file was written by plan --out (or lies in the folder of a run). It holds every prediction and launch line of a " +
    "pipeline, and run executes it exactly. The other commands read the pipeline that it was made from.",
  message: () => "The file is a saved plan, not a pipeline",
  help: () => "Run it with: stowage run FILE; or name the pipeline that it was made from",
});
