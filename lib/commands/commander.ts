/** The library that reads command lines; the only module that names it, so that another can take its place. */
export { Command, CommanderError, InvalidArgumentError, Option } from "commander";
