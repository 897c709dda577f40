/** STW61x and STW62x: the commands report and explain. */
import { message } from "../diagnostic.ts";
import { quote } from "../quote.ts";

/** Nothing is at the path of the run. */
export const runMissing = message<{ path: string }>({
  code: "STW611",
  title: "The run folder does not exist",
  explanation:
    "report prints the tables of a run again, from the folder that the run wrote. Nothing is at the path that was " +
    "given. run prints the path of its folder when it ends; without --out-dir it lies in the folder runs.",
  message: ({ path }) => `There is no run folder ${quote(path, 200)}`,
  help: () => "Look for it in the folder runs, or in the one that --out-dir named",
});

/** The folder has no results. */
export const runWithoutResults = message<{ path: string }>({
  code: "STW612",
  title: "The folder has no results of a run",
  explanation:
    "A run writes results.json into its folder when it ends. This folder has none: it is not the folder of a run, or " +
    "the run is still going on, or it was killed before it could end.",
  message: ({ path }) => `The folder ${quote(path, 200)} has no results.json`,
  help: () => "Name the folder of a run that has ended",
});

/** The results cannot be read, or are not results. */
export const notResults = message<{ path: string; reason: string }>({
  code: "STW613",
  title: "The results of a run cannot be used",
  explanation:
    "results.json holds the plan of a run with a measurement beside each prediction. This file cannot be read, is not " +
    "JSON, lacks a part that the tables show, or was written by a later version of the format. The message names the " +
    "first part that is wrong.",
  message: ({ path, reason }) => `Cannot use the results ${quote(path, 200)}: ${reason}`,
  help: () =>
    "Name the folder of a run of this version of Stowage, and leave its results.json as it is",
});

/** explain was given something that is no code. */
export const unknownCode = message<{ code: string; suggestion?: string }>({
  code: "STW621",
  title: "Unknown diagnostic code",
  explanation:
    "Every error, warning and note has a code: STW and three digits, as STW104. explain tells what the code means and " +
    "what to do. It also tells what a behaviour of a library is, by the name that explain prints for a cell. To explain " +
    "a cell of a pipeline, give the file and the id of the cell.",
  message: ({ code }) => `There is no diagnostic code or behaviour ${quote(code)}`,
  help: ({ suggestion }) =>
    suggestion === undefined
      ? "A code stands in brackets behind the word error, warning or info, such as STW104"
      : `Did you mean ${suggestion}?`,
});

/** explain was given a file and no cell. */
export const cellNotNamed = message<{ path: string; cells: readonly string[] }>({
  code: "STW622",
  title: "The id of a cell is missing",
  explanation:
    "explain with a pipeline file tells the prediction of one cell term by term, so it needs the id of the cell: the " +
    "name of the strategy and the axis values, as plan prints them in the first column.",
  message: ({ path }) => `The file ${quote(path, 200)} stands without the id of a cell`,
  help: ({ cells }) => `Add an id as plan prints it, such as ${quote(cells[0] ?? "", 200)}`,
});

/** A file holds no measurements. */
export const notMeasured = message<{ path: string; reason: string }>({
  code: "STW614",
  title: "The file holds no measurements",
  explanation:
    "validate and calibrate read what was measured: the folder of a run, its results.json, JSON lines (one loaded line " +
    "for each model that was set up, one cell line for each generation), or a pipeline whose figures were published.",
  message: ({ path, reason }) => `Cannot use the measurements ${quote(path, 200)}: ${reason}`,
  help: () => "Name the folder of a run, or a file whose name ends in .jsonl, .yaml or .json",
});

/** A pipeline of which nothing was published. */
export const nothingPublished = message<{ path: string }>({
  code: "STW615",
  title: "Nothing was published of the pipeline",
  explanation:
    "A pipeline stands for measurements where the catalog has published figures of its model on its hardware with its " +
    "stack: the tables of July and September 2022. Of this one it has none.",
  message: ({ path }) => `Nothing was published of the pipeline ${quote(path, 200)}`,
  help: () => "Run the pipeline first, and name the folder of the run",
});

/** Measurements without times. */
export const nothingToCalibrate = message<{ path: string }>({
  code: "STW616",
  title: "Nothing was measured that a constant could be fitted to",
  explanation:
    "calibrate fits the constants of the speed model to the times of cells that ran to an end, on the kind of device " +
    "that the first of the measurements names. None of the cells has such times.",
  message: ({ path }) => `The measurements of ${quote(path, 200)} have no times to calibrate with`,
  help: () => "Name runs in which cells ended with ok",
});

/** A calibration file that cannot be used. */
export const badCalibration = message<{ path: string; reason: string }>({
  code: "STW617",
  title: "The calibration file cannot be used",
  explanation:
    "--calibration takes a file that calibrate has written: the speed constants of one kind of device, each with its " +
    "source; without the option a plan looks for the one that calibrate --device has kept. This one cannot be read, is " +
    "not JSON, lacks a part, or is of another kind of device.",
  message: ({ path, reason }) => `Cannot use the calibration ${quote(path, 200)}: ${reason}`,
  help: () => "Write it anew with calibrate",
});

/** No GPU on the host that is to be measured. */
export const noGpuToCalibrate = message<Record<never, never>>({
  code: "STW618",
  title: "There is no GPU to measure",
  explanation:
    "calibrate --device measures the GPUs of the host that it runs on, which nvidia-smi names; here it names none. The " +
    "file that it writes can be carried to a host without GPUs and planned with.",
  message: () => "There is no NVIDIA GPU here to measure",
  help: () =>
    "Run stowage calibrate --device --output FILE on the GPU host, then stowage plan --calibration FILE here",
});

/** A GPU that the catalog lacks. */
export const unknownGpu = message<{ name: string }>({
  code: "STW619",
  title: "The catalog does not know the GPU",
  explanation:
    "Constants are kept as parts of the data sheet of a kind of device, so the kind has to be in the catalog. A pipeline " +
    "can spell out the data sheet of any other, and is planned with constants of like GPUs.",
  message: ({ name }) => `The catalog does not know the GPU ${quote(name, 200)}`,
  help: () => "See the kinds with: stowage ls gpus",
});

/** The measurement itself failed. */
export const calibrationFailed = message<{ python: string; reason: string }>({
  code: "STW624",
  title: "The GPU could not be measured",
  explanation:
    "calibrate --device runs a script with the Python interpreter of --python, or the first that it finds. It needs torch " +
    "and transformers there, and a GPU that has a few GiB free.",
  message: ({ python, reason }) => `Cannot measure with ${quote(python, 200)}: ${reason}`,
  help: () =>
    "Name an interpreter that has torch and transformers with --python; stowage doctor looks at it",
});

/** `calibrate` without anything to go by. */
export const nothingNamed = message<Record<never, never>>({
  code: "STW625",
  title: "Nothing was named to calibrate with",
  explanation:
    "calibrate fits constants to cells that were measured, or with --device measures the GPUs of this host itself.",
  message: () => "Neither measurements nor --device were given",
  help: () => "Name the folder of a run, or use --device on a host with a GPU",
});
