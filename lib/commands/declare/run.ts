import { type Command, Option } from "../commander.ts";
import { execution, executionOptions } from "./execution.ts";
import { type Action, command, formatOption, given, output, outputOption } from "./words.ts";

/** Declares the command. */
export function declareRun(program: Command, action: Action): void {
  const run = command(program, "run", {
    summary: "run the cells of a pipeline or of a saved plan, and compare",
    description:
      "Plans the pipeline, prepares the Python environment and the weights where they are missing, launches the " +
      "workers session by session, and prints and writes what was measured beside what was predicted.\n\n" +
      "Cells that are predicted to run out of memory are skipped unless the pipeline or --predicted-oom says " +
      "otherwise. An out-of-memory is a result, not a failure. On a host without the declared hardware the plan is " +
      "printed and nothing is launched.\n\n" +
      "Results of earlier runs of the same pipeline are taken over where everything that decides them is the same, and " +
      "every cell says why it runs. A run that was ended can go on: stowage resume RUN.",
    examples: [
      ["stowage pipelines/tiny.yaml", "Run a pipeline; the word run may be left out"],
      ["stowage run plan.json", "Run exactly what plan --out has saved"],
      ["stowage run a.yaml --predicted-oom run", "Prove the predicted out-of-memory too"],
      [
        "stowage run a.yaml --python .venv/bin/python --stack detected",
        "Run with the versions that are installed",
      ],
      [
        "stowage run a.yaml --torch-index https://download.pytorch.org/whl/cpu",
        "Keep the download small on a host without GPUs",
      ],
    ],
  })
    .argument("<file>", "pipeline (YAML or JSON), or a plan that was saved with plan --out")
    .option("--out-dir <dir>", "folder for run folders", "runs")
    .option("--python <path>", "interpreter that has the stack already")
    .option("--stack <name>", 'plan for this stack; "detected" takes the versions of --python')
    .option("--calibration <file>", "speed constants that calibrate has written")
    .option("--torch-index <url>", "package index to take torch from, such as a CPU-only one")
    .addOption(
      new Option("--predicted-oom <action>", "what to do with cells predicted to run out of memory")
        .choices(["skip", "run", "only"]),
    )
    .option("--verify-oom", "also run the cells predicted to run out of memory, to prove them")
    .option(
      "--find-limit",
      "find the largest batch of every strategy that really runs, in six probes",
    )
    .option("--fresh", "take nothing over from earlier runs")
    .option("--allow-commands", "let a saved plan start the commands of its scripts");
  executionOptions(run)
    .addOption(outputOption())
    .addOption(formatOption())
    .action(action(async (common, [file = ""], flags) => {
      const { runCommand } = await import("../run.ts");
      const {
        outDir = "runs",
        python,
        stack,
        torchIndex,
        verifyOom,
        fresh,
        findLimit,
        calibration,
        allowCommands,
      } = flags;
      const predictedOom = flags.predictedOom ?? (verifyOom ? "run" as const : undefined);
      return runCommand({
        ...common,
        ...output(flags),
        ...execution(flags),
        ...given({
          python,
          stack,
          torchIndex,
          predictedOom,
          findLimit,
          calibration,
          allowCommands,
        }),
        ...(fresh ? { rerun: "all" } : {}),
        file,
        outDir,
      });
    }));
}
