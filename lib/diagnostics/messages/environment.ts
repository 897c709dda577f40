/** STW4xx: the Python environment that a run needs, and what the host must have for it. */
import { message, type MessageKind } from "../diagnostic.ts";

function logHelp(log: string): string {
  return `The whole output is in "${log}"`;
}

/** No interpreter was found on PATH. */
export const pythonNotFound: MessageKind<{ tried: readonly string[] }> = message({
  code: "STW401",
  title: "Python is not installed",
  explanation:
    "The workers that load a model are Python programs. Stowage makes a virtual environment for them, and looks " +
    "on PATH for an interpreter to make it with: one of the versions 3.10 to 3.13. None of the usual names started " +
    "an interpreter. Install one from the distribution, or name one that has the stack already with --python.",
  message: ({ tried }) => `No Python interpreter was found: ${tried.join(", ")} do not start`,
  help: () =>
    'Install Python 3.10 to 3.13 with its venv module (Debian: "apt install python3-venv python3-dev"), or name ' +
    "an interpreter that has the stack with --python",
});

/** Interpreters were found, but none of a version that the stack supports. */
export const pythonUnsupported: MessageKind<
  { found: readonly { readonly path: string; readonly version: string }[] }
> = message({
  code: "STW402",
  title: "No supported version of Python",
  explanation:
    "PyTorch and its companions are published for some versions of Python only; the stack that Stowage installs has " +
    "been made for 3.10 to 3.13. The interpreters on PATH are older or newer. An interpreter of another version " +
    "may be installed beside the present one without harm to it.",
  message: ({ found }) =>
    `No Python of version 3.10 to 3.13 was found, only ${
      found.map(({ path, version }) => `"${path}" (${version})`).join(", ")
    }`,
  help: () =>
    "Install Python 3.10 to 3.13, or name an interpreter that has the stack with --python",
});

/** The interpreter cannot make virtual environments. */
export const venvMissing: MessageKind<{ python: string; version: string }> = message({
  code: "STW403",
  title: "The venv module of Python is missing",
  explanation:
    "Stowage makes its environment with the modules venv and ensurepip of the standard library. Debian and Ubuntu " +
    "leave them out of the base package, and put them into one of their own. The interpreter that was found does " +
    "not have them, so it cannot make an environment.",
  message: ({ python, version }) =>
    `The interpreter "${python}" (${version}) has no venv and ensurepip modules`,
  help: ({ version }) => {
    const minor = version.split(".").slice(0, 2).join(".");
    return `Install them (Debian: "apt install python${minor}-venv"), or name an interpreter that has the stack ` +
      "with --python";
  },
});

/** No C++ compiler on PATH. */
export const compilerMissing: MessageKind<{ compiler: string }> = message({
  code: "STW404",
  title: "A C++ compiler is missing",
  explanation:
    "DeepSpeed compiles small C++ operators for its CPU backend on the machine where it runs; without a compiler " +
    "its process group does not start. PyTorch calls the program that the variable CXX names, or else c++. Stowage " +
    "has this done once, when it makes the environment. Strategies of accelerate need no compiler.",
  message: ({ compiler }) => `The C++ compiler "${compiler}" does not start`,
  help: () =>
    'Install one (Debian: "apt install g++"), name it with the variable CXX, or leave the DeepSpeed strategies out',
});

/** The headers that the operators include are not there. */
export const headersMissing: MessageKind<{ python: string; path: string }> = message({
  code: "STW405",
  title: "The header files of Python are missing",
  explanation:
    "DeepSpeed compiles C++ operators that include Python.h. Distributions put the header files of Python into a " +
    "package of their own. The interpreter works without them, but nothing can be compiled for it.",
  message: ({ python, path }) =>
    `The interpreter "${python}" has no header files: "${path}" is not there`,
  help: () =>
    'Install them (Debian: "apt install python3-dev"), or leave the DeepSpeed strategies out',
});

/** The cache lies on a disk that is too full. */
export const environmentDiskSpace: MessageKind<{ path: string; free: string; needed: string }> =
  message({
    code: "STW406",
    title: "Not enough disk for the environment",
    explanation:
      "The environment of a stack holds PyTorch and its companions. While it is being installed, what was downloaded " +
      "takes room beside what is unpacked, so half as much again as the finished environment must be free. The figure " +
      "is that of the CPU build of PyTorch; the CUDA build needs several times as much.",
    message: ({ path, free, needed }) =>
      `The environment needs ${needed} of disk, and "${path}" has ${free} free`,
    help: () => "Free some, or put the cache on another disk with STOWAGE_CACHE_DIR",
  });

/** pip could not reach a package index. */
export const installNetwork: MessageKind<{ stack: string; reason: string; log: string }> = message({
  code: "STW407",
  title: "The package index cannot be reached",
  explanation:
    "Stowage installs a stack with pip from a package index, PyPI unless pip is set up otherwise. No connection " +
    "came about, or it broke. Where the internet is not reachable, pip can be given a mirror or a folder of wheels " +
    "through its own variables: PIP_INDEX_URL, PIP_FIND_LINKS, PIP_NO_INDEX, PIP_PROXY. Stowage goes on with them. " +
    "What was downloaded already is in pip's cache.",
  message: ({ stack, reason }) =>
    `Cannot install the stack "${stack}": the package index cannot be reached (${reason})`,
  help: ({ log }) =>
    `Check the network, or set PIP_INDEX_URL to a mirror, and run again. ${logHelp(log)}`,
});

/** The index does not have a pinned release for this interpreter. */
export const installVersionMissing: MessageKind<
  { stack: string; requirement: string; log: string }
> = message({
  code: "STW408",
  title: "The package index lacks a version",
  explanation:
    "Every package of a stack is pinned to a release. The package index that pip asked has no file of one of them " +
    "for this interpreter and this platform. A mirror may be incomplete, or the platform may be one for which the " +
    "package is not published, such as a musl based Linux.",
  message: ({ stack, requirement }) =>
    `Cannot install the stack "${stack}": the package index has no "${requirement}" for this interpreter`,
  help: ({ log }) =>
    `Use an index that has it (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, --torch-index), or another Python. ${
      logHelp(log)
    }`,
});

/** The disk filled up while pip was at work. */
export const installDiskFull: MessageKind<{ stack: string; path: string; log: string }> = message({
  code: "STW409",
  title: "The disk filled up during the installation",
  explanation:
    "The disk had room when the installation began, and ran full before it ended: the CUDA build of PyTorch needs " +
    "several times as much as the CPU build, and other programs write too. The half made environment is removed by " +
    "the next run. pip keeps what it downloaded in a cache of its own, which PIP_CACHE_DIR moves and " +
    "PIP_NO_CACHE_DIR=1 turns off.",
  message: ({ stack, path }) =>
    `Cannot install the stack "${stack}": the disk of "${path}" is full`,
  help: ({ log }) =>
    "Free some, put the cache on another disk with STOWAGE_CACHE_DIR, or install the CPU build with --torch-index " +
    `https://download.pytorch.org/whl/cpu. ${logHelp(log)}`,
});

/** venv or pip failed for a reason that Stowage does not know. */
export const installFailed: MessageKind<{ stack: string; reason: string; log: string }> = message({
  code: "STW410",
  title: "The environment cannot be made",
  explanation:
    "Python's venv or pip ended with an error while they made the environment of a stack. The message has the last " +
    "lines of what they said, the log all of it. The half made environment is removed by the next run, which starts " +
    "again.",
  message: ({ stack, reason }) => `Cannot install the stack "${stack}": ${reason}`,
  help: ({ log }) => logHelp(log),
});

/** The interpreter named with --python has other versions than the stack. */
export const versionsDiffer: MessageKind<
  {
    python: string;
    stack: string;
    differences: readonly { name: string; installed: string | undefined; wanted: string }[];
  }
> = message({
  code: "STW411",
  title: "The interpreter has other versions than the stack",
  explanation:
    "A plan is made for the versions of its stack, because the libraries differ in how much memory they take and how " +
    "they work. The interpreter that --python names has others, so its measurements would not be those of the plan. " +
    'With "--stack detected" the plan is made for the versions that are installed. Without --python Stowage makes an ' +
    "environment with the versions of the stack. Build tags such as +cpu do not count.",
  message: ({ python, stack, differences }) =>
    `The interpreter "${python}" does not have the versions of the stack "${stack}": ${
      differences.map(({ name, installed, wanted }) =>
        `${name} ${installed ?? "is not installed"} (wanted ${wanted})`
      ).join(", ")
    }`,
  help: () =>
    "Plan for what is installed with --stack detected, or leave --python out so that Stowage makes an environment",
});

/** The interpreter named with --python lacks a package that the workers import. */
export const packagesMissing: MessageKind<{ python: string; names: readonly string[] }> = message({
  code: "STW412",
  title: "The interpreter lacks packages",
  explanation:
    "The workers import torch, transformers and accelerate, and deepspeed for the strategies that are called after it. " +
    "The interpreter that --python names lacks some of them. Stowage installs nothing into an environment that it " +
    "did not make.",
  message: ({ python, names }) =>
    `The interpreter "${python}" lacks ${names.map((name) => `"${name}"`).join(", ")}`,
  help: ({ python, names }) =>
    `Install them (${python} -m pip install ${
      names.join(" ")
    }), or leave --python out so that Stowage makes an ` +
    "environment",
});

/** The interpreter cannot be started, or ends with an error at once. */
export const interpreterFails: MessageKind<{ python: string; reason: string }> = message({
  code: "STW413",
  title: "The Python interpreter does not start",
  explanation:
    "Stowage started the interpreter to ask which versions it has, and got no answer. The path may be wrong, the file " +
    "may not be executable, or the environment may be broken: a virtual environment does not outlive the interpreter " +
    "that it was made with.",
  message: ({ python, reason }) => `The interpreter "${python}" does not start: ${reason}`,
  help: () =>
    "Check the path given with --python, or leave it out so that Stowage makes an environment",
});

/** DeepSpeed's operators do not compile. */
export const extensionBuildFailed: MessageKind<{ reason: string; log: string }> = message({
  code: "STW414",
  title: "The operators of DeepSpeed do not compile",
  explanation:
    "DeepSpeed compiles small C++ operators for its CPU backend, and the compiler, the linker or the loading failed. " +
    "Usual causes are a compiler that is too old for C++17, missing header files of Python, or a library of OpenMP " +
    "that is not there. Strategies of accelerate do not need the operators.",
  message: ({ reason }) => `DeepSpeed cannot compile its CPU operators: ${reason}`,
  help: ({ log }) => `${logHelp(log)}; a recent g++ and the header files of Python usually suffice`,
});

/** The lock that keeps two runs from making the same environment is not to be had. */
export const environmentLock: MessageKind<{ path: string; reason: string }> = message({
  code: "STW415",
  title: "The environment cannot be locked",
  explanation:
    "Two runs that start at once must not make the same environment at once, so each takes a lock on a file in the " +
    "cache folder first. The file system did not grant it. Some network file systems have no locks.",
  message: ({ path, reason }) => `Cannot lock "${path}": ${reason}`,
  help: () => "Put the cache on a local disk with STOWAGE_CACHE_DIR",
});

/** The cache folder cannot be made or written. */
export const cacheNotWritable: MessageKind<{ path: string; reason: string }> = message({
  code: "STW416",
  title: "The cache folder cannot be written",
  explanation:
    "Stowage keeps Python environments, random weights and compiled operators in a cache folder: STOWAGE_CACHE_DIR, " +
    "or stowage in XDG_CACHE_HOME, or .cache/stowage in the home folder. It could not be made, or a file in it could " +
    "not be written.",
  message: ({ path, reason }) => `Cannot write to the cache folder "${path}": ${reason}`,
  help: () => "Set STOWAGE_CACHE_DIR to a folder that you may write to",
});

/** There is no list of packages for the stack. */
export const stackNotInstallable: MessageKind<{ stack: string }> = message({
  code: "STW417",
  title: "The stack cannot be installed",
  explanation:
    "Stowage has lists of packages, pinned to the release, for the stacks that it can run. Versions that a pipeline " +
    "spells out, and the old stacks of the catalog, have none: they can be planned, and run with an interpreter that " +
    "has them.",
  message: ({ stack }) => `Stowage cannot install the stack "${stack}"`,
  help: () => "Name an interpreter that has these versions with --python, or use the stack current",
});

/** The run was interrupted while its environment was being made. */
export const preparationInterrupted: MessageKind<Record<string, never>> = message({
  code: "STW418",
  title: "The preparation was interrupted",
  explanation:
    "The run was interrupted while the Python environment was being made, before anything was launched. All programs " +
    "that were at work have been ended. What is half made is removed by the next run, which starts again; what pip " +
    "downloaded is in its cache.",
  message: () => "The preparation of the Python environment was interrupted",
  help: () => "Run again to start it anew",
});
