/** `completions SHELL`: what a shell needs to complete the words of this program, made from their declaration. */
import type { Command, Option } from "./commander.ts";
import { type CommonSettings, EXIT } from "./settings.ts";

/** Shells that can be taught. */
export type Shell = "bash" | "zsh" | "fish";

/** Arguments of `completions`. */
export interface CompletionsSettings extends CommonSettings {
  readonly shell: Shell;
  readonly program: Command;
}

/** @returns 0 */
export function completionsCommand({ terminal, shell, program }: CompletionsSettings): number {
  terminal.write(completionScript(shell, describe(program)));
  return EXIT.done;
}

/** An option as a shell sees it. */
export interface WordOption {
  readonly flags: readonly string[];
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

/** A command as a shell sees it; `choices` are those of its first argument. */
export interface WordCommand {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly WordOption[];
  readonly choices: readonly string[];
}

/** The whole program. */
export interface Words {
  readonly options: readonly WordOption[];
  readonly commands: readonly WordCommand[];
}

/** The words of a program as plain data. */
export function describe(program: Command): Words {
  return {
    options: [...program.options.map(describeOption), HELP],
    commands: program.commands.map((command) => ({
      name: command.name(),
      summary: command.summary(),
      options: [...command.options.map(describeOption), HELP],
      choices: firstArgumentChoices(command),
    })),
  };
}

const HELP: WordOption = {
  flags: ["-h", "--help"],
  description: "print help",
  takesValue: false,
  choices: [],
};

function describeOption(option: Option): WordOption {
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined && flag !== null),
    description: option.description,
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
  };
}

/** An argument with a few words only is described by them: `models, hardware, stacks`. */
function firstArgumentChoices({ registeredArguments: [argument] }: Command): readonly string[] {
  return argument?.parseArg === undefined ? [] : argument.description.split(", ");
}

/** The script for a shell. */
export function completionScript(shell: Shell, words: Words): string {
  switch (shell) {
    case "bash":
      return bashScript(words);
    case "zsh":
      return zshScript(words);
    case "fish":
      return fishScript(words);
  }
}

function quoteWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function flagsOf(options: readonly WordOption[]): string {
  return options.flatMap(({ flags }) => flags).join(" ");
}

function bashScript({ options, commands }: Words): string {
  /** Arms of a case over "COMMAND OPTION": what may follow an option that takes a value. */
  function values(command: string, all: readonly WordOption[]): string[] {
    return all.filter(({ takesValue }) => takesValue).map(({ flags, choices }) => {
      const arms = flags.map((flag) => quoteWord(`${command} ${flag}`)).join("|");
      const reply = choices.length === 0
        ? ""
        : `$(compgen -W ${quoteWord(choices.join(" "))} -- "$cur")`;
      return `    ${arms}) COMPREPLY=(${reply}); return ;;`;
    });
  }
  const names = ["help", ...commands.map(({ name }) => name)];
  const words = commands.map(({ name, options: own, choices }) => {
    const flags = quoteWord(flagsOf([...own, ...options]));
    return `    ${name}) flags=${flags} words=${quoteWord(choices.join(" "))} ;;`;
  });
  return `# Completions of stowage for bash: source <(stowage completions bash)
_stowage() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} command='' word flags words
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
    ${names.join("|")}) command=$word; break ;;
    esac
  done
  case "$command $prev" in
${commands.flatMap(({ name, options: own }) => values(name, [...own, ...options])).join("\n")}
${values("", options).join("\n")}
  esac
  case "$command" in
${words.join("\n")}
    help) flags='' words=${quoteWord(names.slice(1).join(" "))} ;;
    *) flags=${quoteWord(flagsOf(options))} words=${quoteWord(names.join(" "))} ;;
  esac
  if [[ $cur == -* ]]; then words=$flags; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _stowage stowage
`;
}

function zshScript({ options, commands }: Words): string {
  function specs(all: readonly WordOption[]): string {
    return all.flatMap(({ flags, description, takesValue, choices }) =>
      flags.map((flag) => {
        const text = description.replaceAll(/[[\]:\\]/g, "\\$&");
        const value = takesValue
          ? choices.length > 0 ? `:value:(${choices.join(" ")})` : ":value:_files"
          : "";
        return quoteWord(`${flag}[${text}]${value}`);
      })
    ).join(" ");
  }
  const names = commands.map(({ name, summary }) =>
    quoteWord(`${name}:${summary.replaceAll(":", "\\:")}`)
  );
  const cases = commands.map(({ name, options: own, choices }) => {
    const operand = choices.length > 0 ? `'*:word:(${choices.join(" ")})'` : "'*:file:_files'";
    return `    ${name}) _arguments ${specs([...own, ...options])} ${operand} ;;`;
  });
  return `#compdef stowage
# Completions of stowage for zsh: put this file into a folder of fpath as _stowage
_stowage() {
  local -a commands=(${names.join(" ")})
  if (( CURRENT == 2 )); then
    _describe command commands
    _arguments ${specs(options)} '*:file:_files'
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${cases.join("\n")}
    *) _files ;;
  esac
}
_stowage "$@"
`;
}

function fishScript({ options, commands }: Words): string {
  const names = commands.map(({ name }) => name).join(" ");
  function lines(condition: string, all: readonly WordOption[]): string[] {
    return all.map(({ flags, description, takesValue, choices }) => {
      const words = flags.map((flag) =>
        flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`
      );
      const value = choices.length > 0
        ? ` -x -a ${quoteWord(choices.join(" "))}`
        : takesValue
        ? " -r"
        : "";
      return `complete -c stowage${condition} ${words.join(" ")}${value} -d ${
        quoteWord(description)
      }`;
    });
  }
  const own = commands.flatMap(({ name, summary, options: each, choices }) => {
    const condition = ` -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c stowage -n '__fish_use_subcommand' -a ${name} -d ${quoteWord(summary)}`,
      ...(choices.length === 0
        ? []
        : [`complete -c stowage${condition} -f -a ${quoteWord(choices.join(" "))}`]),
      ...lines(condition, each),
    ];
  });
  return `# Completions of stowage for fish
${lines("", options).join("\n")}
complete -c stowage -n '__fish_use_subcommand' -a help -d 'print help for a command'
complete -c stowage -n '__fish_seen_subcommand_from help' -f -a ${quoteWord(names)}
${own.join("\n")}
`;
}
