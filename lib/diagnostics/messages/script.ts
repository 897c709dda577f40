/** Messages about commands of the user's own, `use: script`: STW156, STW334 and STW340 to STW349. */
import { message, type MessageKind } from "../diagnostic.ts";
import { listWords, quote } from "../quote.ts";

export const badPlaceholder: MessageKind<
  { found: string; known: readonly string[]; suggestion?: string }
> = message({
  code: "STW156",
  title: "A word of a command has a placeholder that nothing fills",
  explanation:
    "The words of a command may hold placeholders, each a name in double braces, which are filled in for every cell. There " +
    "is nothing else between the braces: no filters, no blocks, no arithmetic, because the words are not a program.",
  message: ({ found }) => `The placeholder ${quote(found)} cannot be filled in`,
  help: ({ known, suggestion }) =>
    suggestion === undefined
      ? `Write {{ NAME }} with one of the names ${listWords(known)}`
      : `Did you mean {{ ${suggestion} }}?`,
});

export const scriptNeedsFiles: MessageKind<Record<never, never>> = message({
  code: "STW340",
  title: "A command asks for a checkpoint that is not made",
  explanation:
    "The placeholder checkpoint is the folder of the model's weights. Weights that are made on the device have no files, so " +
    "there is no folder to hand to the command.",
  message: () => "The command asks for {{ checkpoint }}, and the model has no files",
  help: () => "Use weights: random or a folder of weights, or leave {{ checkpoint }} out",
});

export const nothingPredicted: MessageKind<{ name: string }> = message({
  code: "STW341",
  severity: "info",
  title: "Nothing is predicted of a script",
  explanation:
    "A prediction is the sum of what a library is known to allocate and to compute, step by step. Of a command of your own " +
    "nothing is known, so its cells have the verdict unknown and are launched whatever they may need. Where the command does " +
    "what a strategy of this tool does, predictAs puts the prediction of that strategy beside what was measured.",
  message: ({ name }) => `Nothing is predicted of ${name}: a command of your own is not traced`,
  help: () =>
    "Add predictAs: accelerate, ds-inference or ds-zero, if it does what one of them does",
});

export const predictedAs: MessageKind<{ name: string; use: string }> = message({
  code: "STW342",
  severity: "info",
  title: "The prediction of a script is that of a strategy",
  explanation:
    "predictAs says that a command does what a strategy of this tool does. Its cells then carry the prediction of that " +
    "strategy, which does not know the command: other settings, other loading code or another model make it wrong.",
  message: ({ name, use }) => `The predictions of ${name} are those of ${use}, not of its command`,
  help: () => "Compare them with what is measured before they are relied on",
});

export const planRunsCommands: MessageKind<{ commands: readonly string[] }> = message({
  code: "STW334",
  title: "A saved plan runs commands of its own",
  explanation:
    "A saved plan may come from elsewhere, and apart from scripts it can start nothing but the workers of this tool. This one " +
    "has strategies with use: script, whose commands run with your rights. They are started only when that is allowed.",
  message: ({ commands }) =>
    `The plan runs ${commands.length === 1 ? "a command" : "commands"} of its own: ${
      commands.map((command) => quote(command, 200)).join("; ")
    }`,
  help: () => "Read them, then add --allow-commands; or run the pipeline file itself",
});
