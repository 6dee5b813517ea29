/** What is wrong with a machine's disk at present, as the nemesis sets it, and the draws that its faults need. */
import type { Stream, Streams } from "#sim/kernel/Stream.ts"
import type { DiskErrorCode, DiskOperation } from "#world/WorldError.ts"

export class DiskFaults {
  ioErrorPerMille = 0
  full = false
  slowSyncMicros = 0
  stuck = false
  lying = false
  /** The machine dies inside its n-th disk call from now on; 0: it does not. */
  killAtCall = 0
  /** The machine dies inside its next sync. */
  killAtSync = false
  /** How long it is down then. */
  killDownMicros = 0
  /** The next write lands one sector off. */
  misdirectNext = false
  /** What power loss may take. */
  losesUnsynced = false
  tearsWrites = false
  losesEntries = false
  /** Of all that power loss may take, it takes everything, and nothing that is under way is carried out. */
  losesAll = false
  /** For tests: told of each call when it is submitted; the call fails with what this returns. */
  onCall: ((operation: DiskOperation, path: string) => DiskErrorCode | undefined) | undefined

  readonly latency: Stream
  readonly error: Stream
  readonly prefix: Stream
  readonly kill: Stream
  readonly crash: Stream
  readonly rot: Stream

  constructor(streams: Streams, machine: string) {
    this.latency = streams.get(`disk/${machine}/latency`)
    this.error = streams.get(`disk/${machine}/error`)
    this.prefix = streams.get(`disk/${machine}/prefix`)
    this.kill = streams.get(`disk/${machine}/kill`)
    this.crash = streams.get(`disk/${machine}/crash`)
    this.rot = streams.get(`disk/${machine}/rot`)
  }

  /** Everything works again. What was lost or damaged stays so. */
  heal(): void {
    this.ioErrorPerMille = 0
    this.full = false
    this.slowSyncMicros = 0
    this.stuck = false
    this.lying = false
    this.killAtCall = 0
    this.killAtSync = false
    this.misdirectNext = false
  }
}
