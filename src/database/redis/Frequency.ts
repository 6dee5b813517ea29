/**
 * Frequency: how often a key is used, as a number of eight bits: each use raises it with a chance that falls the higher it is, and time lowers it.
 * Source: `evict.c` of Redis 7.0, whose `lfu-log-factor` and `lfu-decay-time` mean the same here.
 */
import { type Entry, newFrequency } from "./Entry.ts"

const frequencyMax = 255
const minuteSeconds = 60
const minuteMillis = 60_000

/** As it is by now: one less for each `decayMinutes` in which the key was not used; 0: time does not count. */
export const decayed = ({ frequency, usedSeconds }: Entry, now: number, decayMinutes: number): number => {
  if (decayMinutes === 0) return frequency
  const minutes = Math.floor(now / minuteMillis) - Math.floor(usedSeconds / minuteSeconds)
  return minutes < decayMinutes ? frequency : Math.max(0, frequency - Math.floor(minutes / decayMinutes))
}

/** After one use more; `draw` is a number in [0, 1). */
export const raised = (frequency: number, draw: number, logFactor: number): number =>
  frequency < frequencyMax && draw * (Math.max(0, frequency - newFrequency) * logFactor + 1) < 1
    ? frequency + 1
    : frequency
