/** Mistake: what is wrong with what somebody has asked for, as a sentence. */
export class Mistake extends Error {
  readonly _tag = "Mistake"
}
