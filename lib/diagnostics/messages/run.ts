/** STW5xx: running a plan. */
import { message, type MessageKind } from "../diagnostic.ts";

export const stackNotRunnable: MessageKind<{ stack: string; runnable: readonly string[] }> =
  message({
    code: "STW501",
    title: "Stack can be predicted, not run",
    explanation:
      "Some stacks of the catalog are old: their versions no longer install on a current Python and CUDA. Stowage " +
      "predicts what they would do, so that published measurements can be compared, but it cannot run them. Choose " +
      "a stack that it can run, or use plan.",
    message: ({ stack }) => `Stack "${stack}" can be predicted but not run`,
    help: ({ runnable }) =>
      `Set "stack" to one of: ${
        runnable.join(", ")
      }; or see the prediction with: stowage plan FILE`,
  });

export const hardwareMissing: MessageKind<{ wanted: string; found: string }> = message({
  code: "STW502",
  title: "Host lacks the declared hardware",
  explanation:
    "A run measures on the hardware that the pipeline declares, so it starts only where nvidia-smi lists at least " +
    "that many GPUs of that kind. CUDA_VISIBLE_DEVICES limits what counts. A plan needs no GPU and can be made " +
    "anywhere.",
  message: ({ wanted, found }) => `The pipeline asks for ${wanted}, and this host has ${found}`,
  help: () =>
    'Run it on such a host (plan --out plan.json, then run plan.json there), or change "hardware" to what is here',
});

export const severalHosts: MessageKind<{ nodes: number }> = message({
  code: "STW503",
  title: "Several nodes cannot be launched",
  explanation:
    "A pipeline may declare several nodes, and plan predicts them. This version launches workers on the host where " +
    "it runs, and on no other.",
  message: ({ nodes }) =>
    `The pipeline asks for ${nodes} nodes, and workers start on this host only`,
  help: () => 'Set "nodes: 1", or see the prediction with: stowage plan FILE',
});

export const checkpointFailed: MessageKind<{ reason: string; log: string }> = message({
  code: "STW504",
  title: "Checkpoint could not be made",
  explanation:
    'With "weights: random" a checkpoint with seeded random weights is written into the cache folder once and then ' +
    "loaded by the real code. Making it needs the memory of one shard (2 GB) and the disk space of the whole model.",
  message: ({ reason }) => `Cannot make the checkpoint: ${reason}`,
  help: ({ log }) => `See ${log}`,
});

export const noDiskSpace: MessageKind<{ folder: string; need: string; free: string }> = message({
  code: "STW505",
  title: "Not enough disk space",
  explanation:
    "Before anything large is written, the free space of its file system is compared with what will be written. The " +
    "cache folder can be moved with STOWAGE_CACHE_DIR, the run folder with --out-dir.",
  message: ({ folder, need, free }) => `Folder "${folder}" needs ${need} and has ${free} free`,
  help: () => "Free some space, or set STOWAGE_CACHE_DIR to a folder on a larger disk",
});

export const runFolderFailed: MessageKind<{ folder: string; reason: string }> = message({
  code: "STW506",
  title: "Run folder cannot be written",
  explanation:
    "Every run has a folder of its own with the plan, the requests, the logs and the results. It is made in the " +
    "folder of --out-dir, runs/ by default.",
  message: ({ folder, reason }) => `Cannot write to "${folder}": ${reason}`,
  help: () => "Choose a folder that can be written to with --out-dir",
});

export const nothingToRun: MessageKind<{ predictedOom: string }> = message({
  code: "STW507",
  severity: "warning",
  title: "No cell is left to run",
  explanation:
    "Cells that are invalid are never launched. Cells that are predicted to run out of memory are skipped with " +
    '"predictedOom: skip", and with "only" nothing else is launched.',
  message: ({ predictedOom }) => `No cell is left to run (predictedOom: ${predictedOom})`,
  help: () => "Launch the cells that are predicted to fail with: --predicted-oom run",
});

export const launchFailed: MessageKind<{ session: string; reason: string }> = message({
  code: "STW508",
  severity: "warning",
  title: "Session could not be started",
  explanation:
    "The launcher of a session is a program of the Python environment. Where the system refuses to start it (too " +
    "many processes, no memory, a file that was deleted meanwhile) the cells of the session count as crashed, and " +
    "the other sessions go on.",
  message: ({ session, reason }) => `Cannot start session "${session}": ${reason}`,
  help: () => "See what is missing with: stowage doctor",
});

export const resultsNotWritten: MessageKind<{ path: string; reason: string }> = message({
  code: "STW509",
  severity: "warning",
  title: "Results could not be written",
  explanation:
    "Results are written after every cell. When the disk is full the run goes on and tries again at the next one; " +
    "the events of each session hold the measurements until then.",
  message: ({ path, reason }) => `Cannot write "${path}": ${reason}`,
  help: () => "Free some space: the next cell writes the results again",
});

export const detectedNeedsPython: MessageKind<Record<never, never>> = message({
  code: "STW510",
  title: "No interpreter to detect versions from",
  explanation:
    'With "--stack detected" the plan is made for the versions that an interpreter has. The interpreter is named by ' +
    '--python, or by "environment: { python: ... }" in the pipeline.',
  message: () => 'The option "--stack detected" needs an interpreter',
  help: () => "Add: --python PATH",
});

export const runLocked: MessageKind<{ folder: string; holder: string }> = message({
  code: "STW511",
  title: "Run folder is in use",
  explanation:
    "One engine at a time works in a run folder: it holds a lock on run.lock, which the system releases when the " +
    "engine ends, however it ends. A lock therefore never has to be removed by hand.",
  message: ({ folder, holder }) => `Run "${folder}" is in use by ${holder}`,
  help: () => "Wait for it to end, or stop it",
});

export const journalFailed: MessageKind<{ path: string; reason: string; folder: string }> = message(
  {
    code: "STW512",
    title: "Journal could not be written",
    explanation:
      "Every cell is noted in the journal of the run before it starts and after its result is known, and the run does not go " +
      "on without that: a result that nothing remembers would be measured again. What was written before is whole, and " +
      "the run can go on when there is space again.",
    message: ({ path, reason }) => `Cannot write "${path}": ${reason}`,
    help: ({ folder }) => `Free some space, then go on with: stowage resume ${folder}`,
  },
);

export const notARun: MessageKind<{ folder: string; reason: string }> = message({
  code: "STW513",
  title: "Folder holds no run",
  explanation:
    "A run folder has a journal (journal.jsonl) and the plan (plan.json) that it runs. Folders of runs are listed by " +
    "ls runs.",
  message: ({ folder, reason }) => `Folder "${folder}" holds no run: ${reason}`,
  help: () => "See the runs with: stowage ls runs",
});

export const leftoversEnded: MessageKind<{ processes: readonly string[] }> = message({
  code: "STW514",
  severity: "warning",
  title: "Processes of an earlier engine were ended",
  explanation:
    "Workers end themselves when their engine is gone. Processes that did not, such as launchers or helpers of a library, " +
    "hold memory that the next session needs. They are told by a mark in their environment, and ended before anything is " +
    "launched.",
  message: ({ processes }) =>
    `Ended ${processes.length} left by an engine that is gone: ${processes.join(", ")}`,
});

export const journalDamaged: MessageKind<{ path: string; lines: readonly number[] }> = message({
  code: "STW516",
  severity: "warning",
  title: "Journal has damaged lines",
  explanation:
    "Every line of a journal carries a checksum. A line in the middle that fails it was changed, or lost by the disk; " +
    "it counts as never written, so its cell may run again. The last line may be torn by a kill, which is no damage.",
  message: ({ path, lines }) => `File "${path}" has damaged lines: ${lines.join(", ")}`,
  help: () => "Check the disk; the cells of these lines run again",
});

export const cellUnknown: MessageKind<{ word: string; suggestion?: string }> = message({
  code: "STW515",
  title: "No such cell to run again",
  explanation:
    "--rerun takes all, failed (cells that crashed, timed out or exhausted the host), or the id of one cell as plan " +
    "prints it.",
  message: ({ word }) => `There is no cell "${word}" to run again`,
  help: ({ suggestion }) =>
    suggestion === undefined
      ? "Use all, failed or the id of a cell"
      : `Did you mean "${suggestion}"?`,
});
