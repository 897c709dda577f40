/** Measurements that were published in 2022, with the rule under which each was computed. */
import type { Dtype, TracedSpec } from "../language/pipeline.ts";
import data from "./data/published.json" with { type: "json" };

/**
 * What "ms per token" meant. `prompt-counted`: 100 tokens included the prompt. `new-tokens`: only generated
 * tokens count, as in this tool.
 */
export type TokenRule = "prompt-counted" | "new-tokens";

/** One published cell. */
export interface PublishedCell {
  readonly batchSize: number;
  /** As published; null where the cell ran out of memory. */
  readonly msPerToken: number | null;
  /** Under the rule `new-tokens`; null where the cell ran out of memory. */
  readonly msPerNewToken: number | null;
  /** Start to ready to generate; null where it was not published. */
  readonly readySeconds: number | null;
  /** Whether the figure contradicts its neighbours and a later table. */
  readonly isOutlier: boolean;
}

/** One published row. */
export interface PublishedRow {
  readonly strategy: TracedSpec["use"];
  readonly dtype: Dtype | "int8";
  readonly rule: TokenRule;
  /** Streams that the published figure was divided by. */
  readonly streams: number;
  readonly cells: readonly PublishedCell[];
  readonly notes?: string;
}

/** One published table. */
export interface PublishedTable {
  readonly id: string;
  readonly title: string;
  readonly source: string;
  /** Catalog names. */
  readonly model: string;
  readonly hardware: string;
  readonly stack: string;
  readonly deviceCount: number;
  readonly newTokens: number;
  readonly rows: readonly PublishedRow[];
}

interface RowFact {
  readonly strategy: string;
  readonly dtype: string;
  readonly rule: string;
  readonly streams: number;
  readonly msPerToken: Readonly<Record<string, number | string | undefined>>;
  readonly readySeconds?: Readonly<Record<string, number | undefined>>;
  readonly outliers?: readonly number[];
  readonly notes?: string;
}

/** The published tables, the oldest first. */
export function publishedTables(): PublishedTable[] {
  return data.tables.map((table) => ({
    ...table,
    rows: table.rows.map((row) => toRow(row, table.newTokens)),
  }));
}

/** In words, what a rule means. */
export function explainRule(rule: TokenRule): string {
  return data.rules[rule];
}

/**
 * Converts a figure of the rule `prompt-counted` to milliseconds per new token: `tokens` were divided by, of
 * which only those after the prompt were generated.
 */
export function toNewTokenRule(msPerToken: number, tokens: number, promptTokens: number): number {
  return msPerToken * tokens / (tokens - promptTokens);
}

/** Tokens of the padded prompts of the published runs. */
export function publishedPromptTokens(batchSize: number): number {
  const { values } = data.promptTokens;
  return batchSize < 8 ? values["1"] : values["8"];
}

function toRow(row: RowFact, tokens: number): PublishedRow {
  const rule = row.rule === "new-tokens" ? "new-tokens" : "prompt-counted";
  return {
    strategy: row.strategy as PublishedRow["strategy"],
    dtype: row.dtype as PublishedRow["dtype"],
    rule,
    streams: row.streams,
    cells: Object.entries(row.msPerToken).map(([batch, figure]) => {
      const batchSize = Number(batch);
      const msPerToken = typeof figure === "number" ? figure : null;
      return {
        batchSize,
        msPerToken,
        msPerNewToken: msPerToken === null || rule === "new-tokens"
          ? msPerToken
          : toNewTokenRule(msPerToken, tokens, publishedPromptTokens(batchSize)),
        readySeconds: row.readySeconds?.[batch] ?? null,
        isOutlier: row.outliers?.includes(batchSize) ?? false,
      };
    }),
    ...(row.notes === undefined ? {} : { notes: row.notes }),
  };
}
