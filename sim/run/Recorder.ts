/** Recorder: collects what happens in a run for the pages that show it. Only runs that somebody will look at have one. */
import type { Address } from "#world/Net.ts"
import type { Lane, RecordedEvent, Recording } from "#reports/Recording.ts"
import type { DiskObserver } from "#sim/world/SimDisk.ts"
import type { NetObserver } from "#sim/world/SimNet.ts"

/** Events kept; a page with more is no help to anybody. */
const eventsMax = 200_000
const labelBytesMax = 12

export class Recorder implements NetObserver {
  readonly events: Array<RecordedEvent> = []
  private readonly now: () => number
  private readonly describe: ((bytes: Uint8Array) => string) | undefined
  private truncated = false

  constructor(now: () => number, describe: ((bytes: Uint8Array) => string) | undefined) {
    this.now = now
    this.describe = describe
  }

  add(event: RecordedEvent): void {
    if (this.events.length < eventsMax) this.events.push(event)
    else this.truncated = true
  }

  message(event: Parameters<NetObserver["message"]>[0]): void {
    const { bytes, ...rest } = event
    this.add({ type: "message", ...rest, at: this.now(), sizeBytes: bytes.length, label: this.label(bytes) })
  }

  private label(bytes: Uint8Array): string {
    if (this.describe !== undefined) {
      try {
        return this.describe(bytes)
      } catch {
        // Bytes that the scenario cannot read are shown as they are.
      }
    }
    const head = [...bytes.subarray(0, labelBytesMax)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ")
    return bytes.length > labelBytesMax ? `${head} …` : head
  }

  diskOf(node: number): DiskObserver {
    return { disk: (event) => this.add({ type: "disk", node, at: this.now(), ...event }) }
  }

  recording(facts: Omit<Recording, "events" | "truncated">): Recording {
    const events = [...this.events].sort((left, right) => left.at - right.at)
    return { ...facts, events, truncated: this.truncated }
  }
}

export const lanesOf = (servers: ReadonlyArray<Address>, clients: ReadonlyArray<Address>): ReadonlyArray<Lane> => [
  ...servers.map(({ host }): Lane => ({ name: host, kind: "server" })),
  ...clients.map(({ host }): Lane => ({ name: host, kind: "client" }))
]
