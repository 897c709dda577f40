/** What sessions that run side by side hold of the host's memory together: the budget is one for all of them. */

/** One budget. */
export class HostLedger {
  readonly #held = new Map<string, number>();

  /**
   * Notes what a session holds now.
   *
   * @returns The bytes of all, and whether this session holds most: where the budget is exceeded, it is the one to end.
   */
  note(token: string, bytes: number): { readonly bytes: number; readonly isLargest: boolean } {
    this.#held.set(token, bytes);
    const all = [...this.#held.values()];
    return {
      bytes: all.reduce((sum, each) => sum + each, 0),
      isLargest: bytes >= Math.max(...all),
    };
  }

  /** A session is over. */
  forget(token: string): void {
    this.#held.delete(token);
  }
}
