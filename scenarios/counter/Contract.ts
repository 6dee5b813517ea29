/**
 * Contract: what a counter says is durable, whether or not the power fails just then. Judged at every answer: an addition
 * is in the log, and a read counts nothing that power loss could still take.
 */
import { getF64 } from "#base/Bytes.ts"
import type { Judge } from "#sim/run/Judge.ts"
import { answerHeadBytes, Asked } from "../systems/Asked.ts"
import * as DurableCounter from "../systems/DurableCounter.ts"

/** What identifies a log: the length and checksum of the snapshot that it begins with. */
const logHeadBytes = 8

/** Counts a log as it grows, without reading it again from its beginning. */
class Counted {
  private head = ""
  private readBytes = 0
  value = 0

  read(log: Uint8Array): void {
    const head = log.subarray(0, logHeadBytes).join()
    if (head !== this.head || log.length < this.readBytes) {
      this.head = head
      this.readBytes = 0
      this.value = 0
    }
    this.value += DurableCounter.replay(log.subarray(this.readBytes)).value
    this.readBytes = log.length
  }
}

export const contract: Judge = {
  name: "contract",
  inside: true,
  make: (run) => {
    const asked = new Asked(run.nodes)
    const counted = new Counted()
    return {
      sent: (datagram) => {
        if (asked.hears(datagram) || asked.answeredBy(datagram) === undefined) return undefined
        const { bytes, from } = datagram
        const value = getF64(bytes, answerHeadBytes)
        counted.read(run.durable(from, DurableCounter.logPath) ?? new Uint8Array(0))
        if (counted.value >= value) return undefined
        return { detail: `n${from} answered ${value}; its disk has counted to ${counted.value}` }
      }
    }
  }
}
