/** LatencyMonitor: events that took longer than a bound, by name, one a second each, as LATENCY shows them; and how long commands take. */

export interface Spike {
  readonly atSeconds: number
  readonly millis: number
}

export interface Event {
  readonly spikes: Array<Spike>
  maxMillis: number
}

const spikesMax = 160

export class LatencyMonitor {
  /** 0: nothing is noted. */
  thresholdMillis = 0
  readonly events = new Map<string, Event>()

  note(name: string, millis: number, atMillis: number): void {
    if (this.thresholdMillis === 0 || millis < this.thresholdMillis) return
    let event = this.events.get(name)
    if (event === undefined) this.events.set(name, (event = { spikes: [], maxMillis: 0 }))
    event.maxMillis = Math.max(event.maxMillis, millis)
    const atSeconds = Math.floor(atMillis / 1_000)
    const last = event.spikes.at(-1)
    if (last?.atSeconds === atSeconds) {
      event.spikes[event.spikes.length - 1] = { atSeconds, millis: Math.max(last.millis, millis) }
      return
    }
    event.spikes.push({ atSeconds, millis })
    if (event.spikes.length > spikesMax) event.spikes.shift()
  }

  /** All, or these; returns how many there were. */
  reset(names: ReadonlyArray<string>): number {
    const gone = names.length === 0 ? [...this.events.keys()] : names
    return gone.filter((name) => this.events.delete(name)).length
  }
}
