/** Folders that tests leave behind until their file has ended. */

const folders: string[] = [];

globalThis.addEventListener("unload", () => {
  for (const folder of folders) Deno.removeSync(folder, { recursive: true });
});

/** A new folder, which is removed when all tests of the file have run. */
export function temporaryFolder(): string {
  const folder = Deno.makeTempDirSync({ prefix: "stowage-test-" });
  folders.push(folder);
  return folder;
}
