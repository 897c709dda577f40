/** The worker scripts as one text: what a cell's key hashes, so that a changed worker makes a new result. */
import { diskReader, type FileReader } from "../catalog/files.ts";
import { WORKERS_DIRECTORY } from "../workers/directory.ts";

/**
 * Every Python file of a folder and of its packages, in the order of their names, each behind its name.
 *
 * @param folder Absolute path; the worker scripts of this version when it is left out.
 */
export function readWorkerSources(
  folder: string = WORKERS_DIRECTORY,
  files: FileReader = diskReader,
): string {
  return pythonFiles(folder, "", files)
    .map(({ name, path }) => `# ${name}\n${files.readText(path)}\n`)
    .join("");
}

function pythonFiles(
  folder: string,
  prefix: string,
  files: FileReader,
): { readonly name: string; readonly path: string }[] {
  return files.list(folder).flatMap((entry) => {
    const path = `${folder}/${entry}`;
    const name = `${prefix}${entry}`;
    if (entry.endsWith(".py")) return [{ name, path }];
    const isPackage = !entry.startsWith("_") && files.stat(path)?.kind === "directory";
    return isPackage ? pythonFiles(path, `${name}/`, files) : [];
  });
}
