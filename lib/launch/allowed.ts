/**
 * What a saved plan may launch. A plan is a file, and may come from elsewhere: it chooses among the workers and switches
 * that Stowage itself uses, and names no program, no path and no variable of its own.
 */

const LAUNCH_WORD_REGEXP = new RegExp(`^(?:${
  [
    "-m",
    "deepspeed\\.launcher\\.runner",
    "--(?:include|num_gpus|num_nodes|master_port|master_addr)",
    "\\d{1,9}",
    "\\{port\\}",
    "localhost:\\{devices\\}",
    "\\{session\\}/request\\.json",
    "\\{workers\\}/[a-z_]+_worker\\.py",
  ].join("|")
})$`);

/** Libraries read these; none of them names a program or a library to load. */
const LAUNCH_VARIABLE_REGEXP =
  /^(?:HF_HUB_OFFLINE|TOKENIZERS_PARALLELISM|OMP_NUM_THREADS|DS_ACCELERATOR|MALLOC_[A-Z_]+|PYTORCH_[A-Z_]+|CUDA_[A-Z_]+|NCCL_[A-Z_]+)$/;

/** Whether a word of a launch line, behind the interpreter, is one of Stowage's own. */
export function isLaunchWord(word: string): boolean {
  return LAUNCH_WORD_REGEXP.test(word);
}

/** Whether a variable is one that Stowage sets for its workers. */
export function isLaunchVariable(name: string): boolean {
  return LAUNCH_VARIABLE_REGEXP.test(name);
}
