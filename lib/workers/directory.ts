/** Where the worker scripts are. */
import { fileURLToPath } from "node:url";

/** Absolute folder of the worker scripts of this version. */
export const WORKERS_DIRECTORY: string = fileURLToPath(new URL(".", import.meta.url)).replace(
  /[/\\]$/,
  "",
);
