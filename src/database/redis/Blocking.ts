/**
 * Blocking: who waits for keys, and whose turn it is. First come, first served, by key; who waits for several takes the first that has
 * something, in the order in which keys became ready. Waiters are served when a command, or a whole MULTI, is done.
 */
import type { Type } from "./Value.ts"

export interface Waiter {
  /** The number by which its client calls the database. */
  readonly database: number
  readonly keys: ReadonlyArray<string>
  /** What it takes away from the others: if there is nothing for one, there is nothing for all behind it that take the same. */
  readonly takes: Type | undefined
  /** Takes what it waits for, if it is there. True: it has it, and waits no more. Called between commands. */
  serve(key: string): boolean
}

interface Ready {
  readonly database: number
  readonly key: string
}

export class Blocking {
  /** Of each database: keys, and who waits for each. A waiter stands in the line of each of its keys. */
  private readonly lines = new Map<number, Map<string, Set<Waiter>>>()
  /** Who waits for no key: for a time, or for something else. */
  private readonly keyless = new Set<Waiter>()
  private ready: Array<Ready> = []
  private isServing = false
  /** Waiters there are. */
  count = 0

  wait(waiter: Waiter): void {
    this.count += 1
    if (waiter.keys.length === 0) {
      this.keyless.add(waiter)
      return
    }
    let lines = this.lines.get(waiter.database)
    if (lines === undefined) this.lines.set(waiter.database, (lines = new Map()))
    for (const key of waiter.keys) {
      const line = lines.get(key)
      if (line === undefined) lines.set(key, new Set([waiter]))
      else line.add(waiter)
    }
  }

  /** It waits no more. False: it had ceased already. */
  leave(waiter: Waiter): boolean {
    const lines = this.lines.get(waiter.database)
    let wasThere = this.keyless.delete(waiter)
    for (const key of waiter.keys) {
      const line = lines?.get(key)
      if (line?.delete(waiter) !== true) continue
      wasThere = true
      if (line.size === 0) lines!.delete(key)
    }
    if (wasThere) this.count -= 1
    return wasThere
  }

  /** The key has something, or something else, now. */
  signal(database: number, key: string): void {
    if (this.lines.get(database)?.has(key) !== true) return
    const last = this.ready[this.ready.length - 1]
    if (last === undefined || last.key !== key || last.database !== database) this.ready.push({ database, key })
  }

  /** Each key of the database may be another now. */
  signalAll(database: number): void {
    const lines = this.lines.get(database)
    if (lines !== undefined) for (const key of lines.keys()) this.ready.push({ database, key })
  }

  /** Serves everybody whose turn it is, those included whom serving others makes ready. */
  serve(): void {
    if (this.isServing || this.ready.length === 0) return
    this.isServing = true
    while (this.ready.length > 0) {
      const { ready } = this
      this.ready = []
      for (const { database, key } of ready) this.serveLine(database, key)
    }
    this.isServing = false
  }

  private serveLine(database: number, key: string): void {
    const line = this.lines.get(database)?.get(key)
    if (line === undefined) return
    // Who is served leaves the line meanwhile, and may come back to its end.
    let missing: Type | undefined
    for (const waiter of line) {
      if (waiter.takes !== undefined && waiter.takes === missing) continue
      if (waiter.serve(key)) this.leave(waiter)
      else missing = waiter.takes
    }
  }
}
