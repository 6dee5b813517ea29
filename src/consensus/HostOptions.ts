/** HostOptions: what a host does when nobody says otherwise; etcd's times, and bounds with their reasons. */
import type { Options } from "./Host.ts"

const kibibyte = 1_024
const mebibyte = 1_048_576

/** Clocks of two machines drift apart by less than this, in parts per million: ten times what crystals do. */
export const driftPpmMax = 1_000

/** How long a lease may be: a tick less than an election time-out, by a clock that runs slow where the others run fast. */
export const leaseMicrosOf = (
  options: { readonly electionTicks: number; readonly tickMicros: number },
  ppm = driftPpmMax
) => Math.floor((options.electionTicks - 1) * options.tickMicros * (1 - (2 * ppm) / 1_000_000))

const electionTicks = 10
const tickMicros = 100_000

export const defaults: Options = {
  electionTicks,
  heartbeatTicks: 1,
  tickMicros,
  reads: "quorum",
  leaseMicros: leaseMicrosOf({ electionTicks, tickMicros }),
  // One append fills half a millisecond of a gigabit link; several are under way.
  messageBytesMax: 64 * kibibyte,
  inflightMax: 256,
  inflightBytesMax: 8 * mebibyte,
  applyingBytesMax: mebibyte,
  // What a leader that lost its followers holds back.
  uncommittedBytesMax: 32 * mebibyte,
  queueBytesMax: 16 * mebibyte,
  // A fifth of what a caller waits by default.
  waitTicksMax: 10,
  // What a busy store answers in a second: who waits longer asks elsewhere.
  readsMax: 65_536,
  flushEntries: 1_024,
  flushTicks: 10,
  logBytesMax: 16 * mebibyte,
  sleepAfterTicks: 10,
  snapshots: {
    chunkBytes: 256 * kibibyte,
    windowChunks: 4,
    retryTicks: 5,
    patienceTicks: 100,
    sendersMax: 2,
    // 80 MiB a second.
    bytesPerTick: 8 * mebibyte
  }
}
