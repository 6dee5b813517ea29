/**
 * WriteOrder: what waits for a group's writes. Writes become durable in the order in which they were submitted; what was held after
 * one is let go when it is, in its order, and at once when nothing is under way. So no message leaves that promises what a crash could
 * take back.
 */
import { assert } from "#base/Assert.ts"
import type { StorageError } from "#storage/StorageError.ts"

export class WriteOrder<A> {
  /** Writes that were submitted, and those of them that are durable. */
  submitted = 0
  durable = 0
  private held: Array<{ readonly after: number; readonly what: A }> = []
  private readonly letGo: (what: A) => void
  private readonly ended: (error: StorageError | undefined, number: number) => void

  /** `ended`: for every write, once it is durable, before what waits for it is let go. */
  constructor(letGo: (what: A) => void, ended: (error: StorageError | undefined, number: number) => void) {
    this.letGo = letGo
    this.ended = ended
  }

  get isIdle(): boolean {
    return this.durable === this.submitted
  }

  submit(write: (done: (error: StorageError | undefined) => void) => void): void {
    const number = ++this.submitted
    write((error) => {
      if (error === undefined) {
        assert(number === this.durable + 1, "writes become durable in order")
        this.durable = number
      }
      this.ended(error, number)
      if (error === undefined) this.release()
    })
  }

  hold(what: A): void {
    this.held.push({ after: this.submitted, what })
    this.release()
  }

  private release(): void {
    let count = 0
    while (count < this.held.length && this.held[count].after <= this.durable) this.letGo(this.held[count++].what)
    if (count > 0) this.held = this.held.slice(count)
  }
}
