/** Timeout: how long a command may wait, as its argument says it. */
import type { Call } from "../Call.ts"
import * as Numbers from "../Numbers.ts"
import { Refusal } from "../Refusal.ts"

const notFloat = new Refusal("ERR timeout is not a float or out of range")
const notInteger = new Refusal("ERR timeout is not an integer or out of range")
const negative = new Refusal("ERR timeout is negative")

/** Redis keeps it in 64 bits; what does not fit turns negative there. */
const millisMax = 9_223_372_036_854_775_808

/** An argument in seconds, as milliseconds; 0: for ever. */
export const secondsAt = (call: Call, at: number): number => {
  const seconds = Numbers.parseFloat(call.argv[at])
  if (seconds === undefined) throw notFloat
  const millis = Math.ceil(seconds * 1_000)
  if (millis < 0 || millis >= millisMax) throw negative
  return millis
}

/** An argument in milliseconds; 0: for ever. */
export const millisAt = (call: Call, at: number): number => {
  const millis = Numbers.parseInteger(call.argv[at])
  if (millis === undefined) throw notInteger
  if (millis < 0) throw negative
  return millis
}
