/**
 * Run: changes that are collected in any order, and handed out in that of their keys: neighbours are written together, and what is read of
 * them is read once. They are sorted in stretches as they come, so that nobody waits until a hundred thousand are in order, and merged.
 */
import type { Mutation } from "#keyspace/Request.ts"
import * as Keys from "#storage/Keys.ts"

/** To sort so many takes about a millisecond. */
const stretchMax = 2_048
const changesMax = 131_072
const bytesMax = 32 * 1_048_576

interface Stretch {
  readonly changes: ReadonlyArray<Mutation>
  /** Of two with one key, the later one's change is handed out later. */
  readonly number: number
  at: number
}

const byKey = (left: Mutation, right: Mutation): number => Keys.compare(left.key, right.key)

const isBefore = (left: Stretch, right: Stretch): boolean => {
  const order = byKey(left.changes[left.at], right.changes[right.at])
  return order < 0 || (order === 0 && left.number < right.number)
}

export class Run {
  private filling: Array<Mutation> = []
  /** A heap: none is before the one at half its place. */
  private stretches: Array<Stretch> = []
  private closed = 0
  private count = 0
  private sizeBytes = 0

  /** It is to be handed out first. */
  get isFull(): boolean {
    return this.count >= changesMax || this.sizeBytes >= bytesMax
  }

  add(mutation: Mutation): void {
    this.filling.push(mutation)
    this.count += 1
    this.sizeBytes += mutation.key.length + (mutation.value?.length ?? 0)
    if (this.filling.length === stretchMax) this.close()
  }

  /** The next one, of all that were added; undefined: there are no more. */
  next(): Mutation | undefined {
    if (this.filling.length > 0) this.close()
    const { stretches } = this
    const first = stretches[0]
    if (first === undefined) return undefined
    const mutation = first.changes[first.at++]
    if (first.at === first.changes.length) {
      const last = stretches.pop()!
      if (stretches.length > 0) stretches[0] = last
    }
    this.sink()
    this.count -= 1
    this.sizeBytes -= mutation.key.length + (mutation.value?.length ?? 0)
    return mutation
  }

  private close(): void {
    const { stretches } = this
    const stretch = { changes: this.filling.sort(byKey), number: this.closed++, at: 0 }
    this.filling = []
    let place = stretches.push(stretch) - 1
    for (; place > 0; place = (place - 1) >> 1) {
      const above = (place - 1) >> 1
      if (!isBefore(stretch, stretches[above])) break
      stretches[place] = stretches[above]
      stretches[above] = stretch
    }
  }

  /** The first one goes down to where it belongs. */
  private sink(): void {
    const { stretches } = this
    const stretch = stretches[0]
    for (let place = 0; ;) {
      let below = 2 * place + 1
      if (below >= stretches.length) return
      if (below + 1 < stretches.length && isBefore(stretches[below + 1], stretches[below])) below += 1
      if (isBefore(stretch, stretches[below])) return
      stretches[place] = stretches[below]
      stretches[below] = stretch
      place = below
    }
  }
}
