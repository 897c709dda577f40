/** What pip prints: progress for people, and the reason of a failure. */
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import {
  installDiskFull,
  installFailed,
  installNetwork,
  installVersionMissing,
} from "../../diagnostics/messages/environment.ts";

/** What failed, and where the user can read more. */
export interface FailedStep {
  readonly stack: string;
  /** Folder that was being filled. */
  readonly folder: string;
  readonly log: string;
}

const NETWORK_REGEXP =
  /NewConnectionError|ConnectTimeoutError|ReadTimeoutError|Read timed out|name resolution|Name or service not known|ProxyError|ProtocolError|CERTIFICATE_VERIFY_FAILED|SSLError|Connection refused|Connection reset|Network is unreachable|Max retries exceeded|Connection aborted/;

/** A short line for one of pip's, or undefined for one that tells people nothing. */
export function pipProgress(line: string): string | undefined {
  const text = line.trim();
  const file = /^(Downloading|Using cached|Processing) (\S+)(?: \(([\d.]+ \w+)\)| \(from .*)?$/
    .exec(text);
  if (file !== null) {
    const [, verb, path = "", size] = file;
    const name = path.split("/").at(-1) ?? "";
    if (name.endsWith(".metadata")) return undefined;
    const action = verb === "Downloading" ? "downloading" : "found";
    const [, packageName = name, version = ""] =
      /^(.+?)-(\d[^-]*?)(?:-.+\.whl|\.tar\.gz|\.zip)$/.exec(name) ?? [];
    return [action, packageName, version, size === undefined ? "" : `(${size})`]
      .filter((word) => word !== "").join(" ");
  }
  const built = /^Building wheel for (\S+) \([^)]*\): started$/.exec(text)?.[1];
  if (built !== undefined) return `building ${built}`;
  const installed = /^Installing collected packages: (.+)$/.exec(text)?.[1];
  return installed === undefined ? undefined : `unpacking ${installed.split(",").length} packages`;
}

/** Why an installation failed, from the end of its output. */
export function installFailure(tail: string, { stack, folder, log }: FailedStep): Diagnostic {
  if (/No space left on device|\[Errno 28\]|Disk quota exceeded/.test(tail)) {
    return installDiskFull({ stack, path: folder, log });
  }
  const missing = /No matching distribution found for ([^\s;]+)/.exec(tail)?.[1];
  // An index that cannot be reached offers no versions; one that was slow at first may yet lack a version.
  const network = missing === undefined || /\(from versions: none\)/.test(tail)
    ? NETWORK_REGEXP.exec(tail)?.[0]
    : undefined;
  if (network !== undefined) return installNetwork({ stack, reason: network, log });
  if (missing !== undefined) return installVersionMissing({ stack, requirement: missing, log });
  return installFailed({ stack, reason: lastComplaint(tail), log });
}

/** The last line that pip or venv marks as an error, or else the last line. */
function lastComplaint(tail: string): string {
  const lines = tail.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
  const complaint = lines.findLast((line) => /^(ERROR|error|Error|\w+Error):/.test(line)) ??
    lines.at(-1) ?? "it ended without a word";
  return complaint.replace(/^(ERROR|error|Error): /, "").slice(0, 500);
}
