/** Wakes when a file of a folder is written to, so that a finished cell need not wait for the next look. */

/** Watches one folder. Where the system cannot notify, only the time wakes. */
export class FolderWatch {
  readonly #watcher: Deno.FsWatcher | null;
  #changed = false;
  #wake: (() => void) | null = null;

  constructor(folder: string) {
    try {
      this.#watcher = Deno.watchFs(folder, { recursive: false });
    } catch {
      this.#watcher = null; // no more watches left, or a file system that has none
    }
    if (this.#watcher !== null) void this.#follow(this.#watcher);
  }

  /** Resolves at the next change, or after the time. A change since the last call counts. */
  async wait(milliseconds: number): Promise<void> {
    if (!this.#changed) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        timer = setTimeout(resolve, milliseconds);
        this.#wake = resolve;
      });
      clearTimeout(timer);
      this.#wake = null;
    }
    this.#changed = false;
  }

  /** Ends the waiting. */
  wake(): void {
    this.#changed = true;
    this.#wake?.();
  }

  close(): void {
    try {
      this.#watcher?.close();
    } catch { /* it has ended by itself */ }
    this.wake();
  }

  async #follow(watcher: Deno.FsWatcher): Promise<void> {
    for await (const { kind } of watcher) {
      // Reading the files is a change of its own kind, and must not wake the reader.
      if (kind !== "access") this.wake();
    }
  }
}
