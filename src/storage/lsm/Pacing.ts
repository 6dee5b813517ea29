/**
 * Pacing: holds writes back, the more the less room is left before they would have to wait for a whole flush or compaction. The rate at
 * which they go on falls with the share `used` of the room as (1 - used) / used, so wherever the rate of what makes room is, there
 * is a share at which both are the same, and a caller waits for its own bytes alone. (RocksDB's delayed writes do it with a rate
 * that they measure.)
 */
import type { Port, Sink } from "#world/Timers.ts"

/** A byte a microsecond is a megabyte a second; at half of the room, more than one thread writes. */
const halfwayBytesPerMicro = 32
/** Slower than that, writes rather wait for room: on such a device it is not they who fill it. */
const bytesPerMicroMin = 0.5
/** Writes may be ahead of their time by so much: a timer for each would take longer than it waits. */
const slackMicros = 1_000

const ticket = 0

export class Pacing implements Sink {
  private readonly timers: Port
  private readonly due: () => void
  /** When what was let go is due. */
  private paidAt = 0
  private isSet = false

  /** `due` is called when something may be let go that was not. */
  constructor(options: { readonly attach: (sink: Sink) => Port; readonly due: () => void }) {
    this.timers = options.attach(this)
    this.due = options.due
  }

  /** Lets so many bytes go when `used` of the room is; false: not now, `due` will be called. */
  letsGo(sizeBytes: number, used: number): boolean {
    if (used <= 0) {
      this.paidAt = 0
      return true
    }
    const now = this.timers.nowMicros()
    if (this.paidAt > now + slackMicros) {
      this.wakeIn(this.paidAt - now)
      return false
    }
    const rate = Math.max(bytesPerMicroMin, (halfwayBytesPerMicro * (1 - used)) / used)
    this.paidAt = Math.max(this.paidAt, now) + sizeBytes / rate
    return true
  }

  fired(): void {
    this.isSet = false
    this.due()
  }

  private wakeIn(micros: number): void {
    if (this.isSet) return
    this.isSet = true
    this.timers.set(ticket, micros)
  }
}
