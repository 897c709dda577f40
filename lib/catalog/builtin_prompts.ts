/** The texts of `prompts: builtin`: short, plain openings that any tokenizer can take. */
export const BUILTIN_PROMPTS: readonly string[] = [
  "The harbour was quiet that morning, and the first ship",
  "A good recipe for bread begins with",
  "When the two engineers compared their notes, they found",
  "In the year of the great comet, every village",
  "To plan what fits, one has to know",
  "The library on the hill keeps a map of",
  "Rain is expected in the north, while the south",
  "Nobody had opened the third crate, because",
];
