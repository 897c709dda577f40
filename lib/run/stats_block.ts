/**
 * Reads what the BLOOM inference scripts print, in every variant that was published: the block behind "*** Performance
 * stats:" of the scripts of July to September 2022, and the lines of the inference server. Their rules differ and are not
 * written down in the logs, so what can be told from the numbers is told, and the rest is left open:
 * - until 19 July 2022 the tokens are those of one pass, after it those of all timed passes, while the seconds are always
 *   those of one pass;
 * - ds-zero multiplies the tokens by the number of ranks, and so divides its milliseconds;
 * - min_length and max_length count the prompt, so fewer tokens than the 100 were new.
 * Sources: bigscience-workshop/Megatron-DeepSpeed 56b24ed3..a57c2a50, huggingface/transformers-bloom-inference.
 */

/** One block, in the units of a measurement. Null where the variant does not print it. */
export interface StatsBlock {
  /** Which way of printing; see the tests for an example of each. */
  readonly variant: "v0" | "v1" | "v2" | "v3" | "v4";
  /** As printed ("throughput" is a latency: lower is better). */
  readonly msPerToken: number;
  /** Start to ready to generate, or the time of loading the model. */
  readonly loadSeconds: number | null;
  /** One pass over the batch. */
  readonly passSeconds: number | null;
  readonly wholeSeconds: number | null;
  readonly batchSize: number | null;
  /** As printed, under a rule that changed. */
  readonly statedTokens: number | null;
  /** Timed passes that `statedTokens` covers, as the numbers agree; null when they agree with none. */
  readonly passes: number | null;
  /** Tokens of one pass of all ranks together; null when `passes` is. */
  readonly tokensPerPass: number | null;
  /** Ranks that each took inputs of their own: what the tokens of a pass come to beyond the batch. */
  readonly streams: number | null;
  /** Tokens that were asked for in one sequence; the scripts had one hundred built in. */
  readonly askedTokens: number;
  /** Whether the log itself says how many. */
  readonly tellsTokens: boolean;
  /** Whether the length that was asked for counts the prompt; null when the log does not show the arguments. */
  readonly countsPrompt: boolean | null;
}

const NUMBER = "([\\d.]+)";

/** Every block of a log, in order; without one the list is empty. */
export function parseStatsBlocks(log: string): StatsBlock[] {
  const text = log.replaceAll("\r", "");
  const starts = [...text.matchAll(/^\*\*\* Performance stats:/gm)].map(({ index }) => index);
  const bounds = [0, ...starts, text.length];
  const blocks: StatsBlock[] = [];
  let before = "";
  for (let at = 0; at + 1 < bounds.length; at += 1) {
    const part = text.slice(bounds[at], bounds[at + 1]);
    // The server prints its lines without a heading, so the part before the first heading is read too.
    const block = parseBlock(part, before + part);
    if (block !== null) blocks.push(block);
    before += part;
  }
  return blocks;
}

function parseBlock(block: string, context: string): StatsBlock | null {
  const of = (pattern: string) => numberOf(block, pattern);
  const common = {
    loadSeconds: of(`Start to ready to generate:? ${NUMBER} secs`) ??
      of(`Model loading time = ${NUMBER} secs`),
    passSeconds: of(`^(?:Tokenize and generate|Generate) .*tokens: ${NUMBER} secs`) ??
      of(`^Latency = ${NUMBER} secs`),
    wholeSeconds: of(`Start to finish:? ${NUMBER} secs`) ??
      of(`Model loading time \\+ generation time per batch = ${NUMBER} secs`),
    batchSize: of(`\\(bs=${NUMBER}\\)`) ?? of(`with batch size = ${NUMBER}`) ??
      numberOf(context, `Starting to generate \\d+ tokens with bs=${NUMBER}`),
    statedTokens: of(`^(?:Tokenize and generate|Generate) ${NUMBER} `) ??
      of(`Total tokens generated = ${NUMBER} `),
    countsPrompt: countsPromptIn(context),
  };
  const [variant, msPerToken] = stated(of);
  if (variant === null || msPerToken === null) return null;
  const { passSeconds, statedTokens, batchSize } = common;
  const told = askedTokens(context);
  const asked = told ?? BUILT_IN_TOKENS;
  const batches = told === null || batchSize === null || statedTokens === null
    ? null
    : statedTokens / told / batchSize;
  const passes = passesOf(msPerToken, passSeconds, statedTokens, batches);
  const tokensPerPass = passes === null || statedTokens === null ? null : statedTokens / passes;
  const ranks = tokensPerPass === null || batchSize === null
    ? null
    : tokensPerPass / batchSize / asked;
  return {
    variant,
    msPerToken,
    ...common,
    passes,
    tokensPerPass,
    askedTokens: asked,
    tellsTokens: told !== null,
    streams: ranks !== null && ranks >= 1 && Number.isInteger(ranks) ? ranks : null,
  };
}

function stated(
  of: (pattern: string) => number | null,
): readonly [StatsBlock["variant"] | null, number | null] {
  const server = of(`Throughput \\(including tokenization\\) = ${NUMBER} msecs/token`);
  if (server !== null) return ["v3", server];
  const latency = of(`Latency per token including tokenize: ${NUMBER} msecs`);
  if (latency !== null) return ["v4", latency];
  const tokenized = of(`Throughput per token including tokenize: ${NUMBER} msecs`);
  if (tokenized !== null) return ["v2", tokenized];
  const plain = of(`Throughput per token: ${NUMBER} msecs`);
  if (plain !== null) return ["v1", plain];
  const seconds = of(`Througput per token: ${NUMBER} secs`); // as it was spelled
  return seconds === null ? [null, null] : ["v0", seconds * 1000];
}

/**
 * The stated tokens over the seconds of one pass give the stated time, or a whole part of it. How long one pass took and
 * how long the others did differ by chance, but passes of all ranks share the stated tokens evenly.
 *
 * @param batches Stated tokens in batches of what was asked for: passes times ranks; null where the log does not tell.
 */
function passesOf(
  msPerToken: number,
  passSeconds: number | null,
  statedTokens: number | null,
  batches: number | null,
): number | null {
  if (passSeconds === null || statedTokens === null || passSeconds === 0) return null;
  const ratio = msPerToken / (1000 * passSeconds / statedTokens);
  const shares = batches !== null && Number.isInteger(batches) && batches <= MOST_BATCHES
    ? divisors(batches)
    : [];
  const distance = (passes: number) => Math.abs(Math.log(ratio / passes));
  const [nearest] = shares.toSorted((a, b) => distance(a) - distance(b));
  if (nearest !== undefined && distance(nearest) < Math.log(1.5)) return nearest;
  const whole = Math.max(1, Math.round(ratio));
  // The first pass of the oldest scripts is a cold one, several times slower than what the stats are about.
  return Math.abs(ratio / whole - 1) < 0.2 ? whole : null;
}

/** More than any script has, and few enough to try them all. */
const MOST_BATCHES = 100_000;

function divisors(whole: number): number[] {
  return Array.from({ length: whole }, (_, index) => index + 1).filter((part) =>
    whole % part === 0
  );
}

const BUILT_IN_TOKENS = 100;

/** Tokens that were asked for in one sequence, as the log has them; null where it does not say. */
function askedTokens(context: string): number | null {
  return numberOf(context, `Starting to generate ${NUMBER} tokens`) ??
    numberOf(context, `'max_(?:new_tokens|length)': ${NUMBER}`);
}

function countsPromptIn(context: string): boolean | null {
  if (/'max_new_tokens':/.test(context)) return false;
  return /'max_length':/.test(context) ? true : null;
}

function numberOf(text: string, pattern: string): number | null {
  const match = new RegExp(pattern, "m").exec(text)?.[1];
  const value = Number(match);
  return match === undefined || Number.isNaN(value) ? null : value;
}
