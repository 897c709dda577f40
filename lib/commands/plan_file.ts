/**
 * Reads a saved plan cell by cell, as it was written: one of ten thousand cells is thirty megabytes of text, and more as
 * objects. What somebody has formatted anew is read whole.
 */
import type { FileReader } from "../catalog/files.ts";
import { reasonOf } from "../catalog/json_file.ts";
import { CellCompactor } from "../plan/compact_cells.ts";
import type { Plan, PlanCell } from "../plan/plan.ts";
import { parseCell, parsePlan } from "./plan_outline.ts";

/** A plan, or in words why there is none. */
export type PlanFile = { readonly plan: Plan } | { readonly problem: string };

/** A few cells: what is read at one time should die young. */
const CHUNK_BYTES = 1 << 14;
/** What a plan looks like where its cells begin and end: two blanks for a level. */
const CELLS_START = '\n  "cells": [\n';
const CELL_START = "    {\n";
const CELL_END = "\n    }";
const CELLS_END = "\n  ]";

/** The plan in a file that begins as one; its cells are compact. Undefined where it goes on in another form. */
export function readPlanFile(path: string, files: FileReader): PlanFile | undefined {
  const text = new ChunkedText(path, files);
  const head = text.takeTo(CELLS_START);
  if (head === undefined) return undefined; // no cells, or another form
  const compactor = new CellCompactor();
  const cells: PlanCell[] = [];
  try {
    for (let isLast = false; !isLast;) {
      if (!text.startsWith(CELL_START)) return undefined;
      const cell = text.takeTo(CELL_END);
      if (cell === undefined) return undefined;
      const parsed = parseCell(JSON.parse(cell));
      if ("problem" in parsed) return { problem: `cells.${cells.length}.${parsed.problem}` };
      cells.push(compactor.compact(parsed.cell));
      isLast = !text.startsWith(",\n");
      if (!isLast) text.skip(2);
    }
    if (!text.startsWith(CELLS_END)) return undefined;
    const tail = text.rest();
    if (tail.includes(CELLS_START)) return undefined;
    const parsed = parsePlan(JSON.parse(head + tail));
    return "problem" in parsed ? parsed : { plan: { ...parsed.plan, cells } };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { problem: `it is not JSON (${reasonOf(error)})` };
  }
}

/** The text of a file, of which little is in memory. */
class ChunkedText {
  readonly #path: string;
  readonly #files: FileReader;
  readonly #decoder = new TextDecoder();
  #offset = 0;
  #text = "";
  #at = 0;

  constructor(path: string, files: FileReader) {
    this.#path = path;
    this.#files = files;
  }

  /** The text up to and with a mark, which is taken; undefined where the mark does not come. */
  takeTo(mark: string): string | undefined {
    for (let from = this.#at;;) {
      const found = this.#text.indexOf(mark, from);
      if (found !== -1) {
        const taken = this.#text.slice(this.#at, found + mark.length);
        this.#at = found + mark.length;
        return taken;
      }
      from = Math.max(0, this.#text.length - this.#at - mark.length);
      if (!this.#read()) return undefined;
    }
  }

  startsWith(start: string): boolean {
    while (this.#text.length - this.#at < start.length && this.#read());
    return this.#text.startsWith(start, this.#at);
  }

  skip(characters: number): void {
    this.#at += characters;
  }

  rest(): string {
    while (this.#read());
    return this.#text.slice(this.#at);
  }

  /** Reads on, and forgets what was taken. @returns False at the end of the file. */
  #read(): boolean {
    const bytes = this.#files.readRange(this.#path, this.#offset, CHUNK_BYTES);
    this.#offset += bytes.length;
    const more = this.#decoder.decode(bytes, { stream: bytes.length > 0 });
    this.#text = this.#text.slice(this.#at) + more;
    this.#at = 0;
    return bytes.length > 0;
  }
}
