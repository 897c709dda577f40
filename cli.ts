/**
 * The command line: turns flags into settings and calls one command. Nothing is decided here; each command is a
 * module of `lib/commands` that is loaded only when it is asked for.
 *
 * @module
 */
import { main } from "./lib/commands/main.ts";

if (import.meta.main) Deno.exitCode = await main(Deno.args);
