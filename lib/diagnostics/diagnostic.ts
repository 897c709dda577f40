/**
 * One type for everything Stowage has to say about its input, its surroundings or a run. A diagnostic is
 * data: stages return it, renderers print it, `explain CODE` tells the long story.
 */

/** `error` stops the stage that found it; `warning` and `info` do not. */
export type Severity = "error" | "warning" | "info";

/** A half-open range of UTF-16 offsets into the source text of a pipeline file. */
export interface Span {
  /** First unit. */
  readonly start: number;
  /** Behind the last unit. */
  readonly end: number;
}

/** Where a value stands in the pipeline: `["strategies", 0, "dtype"]`. */
export type ValuePath = readonly (string | number)[];

/** Something to tell the user. `message` says what is wrong, `help` says the next step. */
export interface Diagnostic {
  /** Stable identifier, `STW` and three digits; the key of `explain`. */
  readonly code: string;
  /** Whether it stops the stage that found it. */
  readonly severity: Severity;
  /** One sentence, capitalised, without a final period. */
  readonly message: string;
  /** The next step, without a final period. */
  readonly help?: string;
  /** The file as the user named it. */
  readonly file?: string;
  /** Where in the text of the file. */
  readonly span?: Span;
  /** The value it is about; stages that have no source text give this, the language layer adds the span. */
  readonly path?: ValuePath;
}

/** What a stage returns: a value unless an error made it impossible, and all that it has to say. */
export interface Outcome<T> {
  /** Absent when an error stands among the diagnostics. */
  readonly value?: T;
  /** Errors, warnings and notes. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Where a diagnostic points, given beside the parameters of its message. */
export type Place = Pick<Diagnostic, "file" | "span" | "path">;

/** A message of the catalogue: call it with its parameters to make a diagnostic. */
export interface MessageKind<P> {
  (parameters: P, place?: Place): Diagnostic;
  readonly code: string;
  readonly title: string;
  readonly explanation: string;
}

/**
 * Declares one message of the catalogue.
 *
 * @param definition `title` and `explanation` (several sentences, what it means and what to do) are what
 * `explain CODE` prints; `message` and `help` are made from the parameters of one occurrence.
 */
export function message<P>(definition: {
  code: `STW${number}`;
  severity?: Severity;
  title: string;
  explanation: string;
  message: (parameters: P) => string;
  help?: (parameters: P) => string | undefined;
}): MessageKind<P> {
  function make(parameters: P, place: Place = {}): Diagnostic {
    const help = definition.help?.(parameters);
    return {
      code: definition.code,
      severity: definition.severity ?? "error",
      message: definition.message(parameters),
      ...(help === undefined ? {} : { help }),
      ...place,
    };
  }
  return Object.assign(make, {
    code: definition.code,
    title: definition.title,
    explanation: definition.explanation,
  });
}

/** Whether any of the diagnostics is an error. */
export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === "error");
}

/**
 * Thrown where a function cannot return an `Outcome` (the public API, the engine): the user's mistake or a
 * failing surrounding, never a bug of ours.
 */
export class DiagnosticError extends Error {
  override readonly name = "DiagnosticError";
  readonly diagnostics: readonly Diagnostic[];
  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map((diagnostic) => `[${diagnostic.code}] ${diagnostic.message}`).join("\n"));
    this.diagnostics = diagnostics;
  }
}
