/** Errors of the operating system, as against bugs of ours. */

/** What the operating system refuses. */
export function isSystemError(error: unknown): error is Error {
  return error instanceof Error &&
    ("code" in error || Object.values(Deno.errors).some((kind) => error instanceof kind));
}

const DISK_CODES: readonly string[] = ["ENOSPC", "EDQUOT", "EROFS", "EIO"];

/** A disk that takes nothing more: no session could go on. */
export function isDiskError(error: unknown): error is Error {
  return error instanceof Error && "code" in error && DISK_CODES.includes(String(error.code));
}
