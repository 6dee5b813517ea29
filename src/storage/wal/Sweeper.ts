/**
 * Sweeper: removes segments that no stream needs, the oldest first. The directory is synced after each: a crash that keeps some removals
 * and drops others would else leave a hole, which looks like a lost segment.
 */
import type * as Disk from "#world/Disk.ts"
import type { Trace } from "#world/Trace.ts"
import type { Segments } from "./Segments.ts"

export class Sweeper {
  private readonly disk: Disk.Port
  private readonly segments: Segments
  private readonly trace: Trace["Service"]
  private isBusy = false
  private isUnsynced = false
  /** Reads under way. */
  private holds = 0
  private isClosed = false
  private onIdle: (() => void) | undefined

  constructor(parts: { readonly disk: Disk.Port; readonly segments: Segments; readonly trace: Trace["Service"] }) {
    this.disk = parts.disk
    this.segments = parts.segments
    this.trace = parts.trace
  }

  /** Nothing is removed until the returned function is called. */
  hold(): () => void {
    this.holds++
    return () => {
      if (--this.holds === 0) this.sweep()
    }
  }

  /** Nothing more is removed; `done` is called when nothing is under way. */
  close(done: () => void): void {
    this.isClosed = true
    if (this.isBusy) this.onIdle = done
    else done()
  }

  sweep(): void {
    const { newest, oldest } = this.segments
    if (this.isClosed || this.isBusy || this.holds > 0 || oldest === newest || oldest.needed > 0) return
    this.isBusy = true
    if (this.isUnsynced) return this.sync()
    this.disk.remove(this.segments.pathOf(oldest.number), (error) => {
      if (error !== undefined && error.code !== "not-found") return this.giveUp(error.message)
      this.trace.mark("storage/wal-segment-freed")
      this.segments.removeOldest()
      this.isUnsynced = true
      this.sync()
    })
  }

  private sync(): void {
    this.disk.syncDirectory(this.segments.directory, (error) => {
      if (error !== undefined) return this.giveUp(error.message)
      this.isUnsynced = false
      this.rest()
      this.sweep()
    })
  }

  private rest(): void {
    this.isBusy = false
    this.onIdle?.()
  }

  /** Tried again when more has been written. */
  private giveUp(message: string): void {
    this.rest()
    this.trace.emit("warn", "storage/log-space-not-freed", { path: this.segments.directory, message })
  }
}
