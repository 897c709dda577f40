/**
 * What the end of a command of the user's own means for its cell: the figures of its stats block, in the units and under
 * the rule of every other measurement, and the memory that was seen from outside.
 */
import { readDeath } from "./death.ts";
import type { Failure } from "./failure_kinds.ts";
import type { EventOf } from "./measure.ts";
import type { CellOutcome, OutcomeContext } from "./outcome.ts";
import type { Measurement } from "./protocol.ts";
import { parseStatsBlocks, type StatsBlock } from "./stats_block.ts";

type ScriptEnded = EventOf<"script_ended">;

const NO_STATS: Failure = {
  kind: "no-stats",
  advice:
    'the command must print a block that begins with "*** Performance stats:", as the scripts of 2022 do; see docs/script.md',
};

const OTHER_WORK: Failure = {
  kind: "other-work",
  advice:
    "hand {{ batchSize }} and {{ tokens }} to the command, so that it does what the cell says",
};

/** Statuses that shells and launchers give to a child that a signal has ended. */
const SIGNALS: Readonly<Record<number, string>> = { 134: "SIGABRT", 135: "SIGBUS", 137: "SIGKILL" };

/** Reads the end of a command. */
export function scriptOutcome(event: ScriptEnded, context: OutcomeContext): CellOutcome {
  const block = parseStatsBlocks(event.output).at(-1) ?? null;
  const memory = memoryOf(event);
  const measurement = block === null ? memory : {
    ...memory,
    time: timeOf(block, context),
    stated: {
      variant: block.variant,
      msPerToken: block.msPerToken,
      countsPrompt: block.countsPrompt,
      passes: block.passes,
    },
  };
  if (event.overCap) {
    const message = "the command was ended: a GPU had more in use than budget.device";
    return { status: "oom", measurement: memory, message };
  }
  if (event.exitCode === 0 && block !== null) {
    const other = otherWork(block, context);
    if (other === null) return { status: "ok", measurement, message: null };
    return { status: "crashed", measurement, message: other, failure: OTHER_WORK };
  }
  const death = readDeath(
    {
      stopped: null,
      process: {
        code: event.exitCode,
        signal: event.signal ?? SIGNALS[event.exitCode] ?? null,
        tail: event.output,
        logError: null,
      },
      host: {
        peakTreeBytes: null,
        leastAvailableBytes: event.leastAvailableBytes,
        kernelKills: event.kernelKills,
      },
    },
    context.hostBytes,
    "the command",
  );
  if (event.exitCode === 0 && death.failure === undefined) {
    const message = "the command ended with exit code 0 and printed no stats block";
    return { status: "crashed", measurement, message, failure: NO_STATS };
  }
  return { ...death, measurement };
}

function memoryOf({ memory }: ScriptEnded): Measurement {
  const { devices, peakRssAnonBytes, peakRssShmemBytes } = memory;
  return {
    devices: devices.map(({ device, peakBytes }) => ({
      index: device,
      node: 0,
      loadPeakAllocatedBytes: null,
      peakAllocatedBytes: null,
      peakReservedBytes: null,
      peakBytes,
    })),
    hosts: [{
      node: 0,
      peakBytes: peakRssAnonBytes + peakRssShmemBytes,
      pinnedBytes: peakRssShmemBytes,
    }],
    time: null,
    tokenIds: [],
    tokensSha256: null,
    versions: {},
  };
}

/**
 * Milliseconds for each new token of all streams. What is printed is that already, whatever the number of passes that its
 * tokens cover, but for one rule: where the length that was asked for counted the prompt, fewer tokens were new.
 */
function timeOf(block: StatsBlock, context: OutcomeContext): Measurement["time"] {
  const { askedTokens, loadSeconds, passSeconds } = block;
  const { promptTokens } = context;
  const isOldRule = block.countsPrompt === true && askedTokens > promptTokens;
  const newPart = isOldRule ? (askedTokens - promptTokens) / askedTokens : 1;
  const msPerToken = block.msPerToken / newPart;
  const streams = block.streams ?? streamsOf(block, context) ?? 1;
  return {
    importSeconds: null,
    weightsSeconds: null,
    loadSeconds,
    prefillMs: null,
    msPerStep: null,
    msPerToken,
    msPerTokenPerStream: msPerToken * streams,
    tokensPerSecond: 1000 / msPerToken,
    streams,
    captureSeconds: null,
    generateSeconds: passSeconds === null ? [] : [passSeconds],
  };
}

/** A block that does not print its batch had that of the cell. */
function streamsOf(
  { tokensPerPass, askedTokens }: StatsBlock,
  { batchSize }: OutcomeContext,
): number | null {
  if (tokensPerPass === null) return null;
  const ranks = tokensPerPass / batchSize / askedTokens;
  return ranks >= 1 && Number.isInteger(ranks) ? ranks : null;
}

/** In words what the command did instead of what the cell says; null where its output tells of nothing else. */
function otherWork(
  { batchSize, tellsTokens, askedTokens, countsPrompt }: StatsBlock,
  context: OutcomeContext,
): string | null {
  if (batchSize !== null && batchSize !== context.batchSize) {
    return `the command ran a batch of ${batchSize}, and the cell has ${context.batchSize}`;
  }
  const asked = context.newTokens + (countsPrompt === true ? context.promptTokens : 0);
  if (!tellsTokens || askedTokens === asked) return null;
  return `the command was asked for ${askedTokens} tokens, and the cell for ${asked}`;
}
