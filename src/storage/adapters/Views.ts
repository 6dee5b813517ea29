/** Views: the states of a foreign store that somebody reads, each kept until its last reader has gone. */
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import type { Snapshot } from "../Engine.ts"
import type { Foreign } from "./Foreign.ts"

/** A view with the number of its readers. */
export class Held<View> {
  readonly view: View
  readers = 1

  constructor(view: View) {
    this.view = view
  }
}

export class Taken<View> implements Snapshot {
  isReleased = false
  readonly held: Held<View>
  private readonly views: Views<View>

  constructor(views: Views<View>, held: Held<View>) {
    this.views = views
    this.held = held
  }

  release(): void {
    if (this.isReleased) return
    this.isReleased = true
    this.views.drop(this.held)
  }
}

export class Views<View> {
  private readonly foreign: Foreign<View>
  private readonly open = new Set<Held<View>>()
  /** What everybody sees while a write is under way. */
  private pinned: Held<View> | undefined

  constructor(foreign: Foreign<View>) {
    this.foreign = foreign
  }

  get count(): number {
    return this.open.size
  }

  /** Holds what is visible now. */
  hold(): Held<View> {
    const { pinned } = this
    if (pinned !== undefined) {
      pinned.readers++
      return pinned
    }
    assert(this.open.size < Limits.snapshotsMax, "snapshots are released: less than the limit are open")
    const held = new Held(this.foreign.view())
    this.open.add(held)
    return held
  }

  /** Holds the view of a snapshot, or what is visible now. */
  holdAt(at: Snapshot | undefined): Held<View> | undefined {
    if (at === undefined) return this.hold()
    const { held, isReleased } = this.taken(at)
    if (isReleased) return undefined
    held.readers++
    return held
  }

  drop(held: Held<View>): void {
    assert(held.readers > 0, "a view is dropped once a reader")
    if (--held.readers > 0 || !this.open.delete(held)) return
    this.foreign.release(held.view)
  }

  snapshot(): Snapshot {
    return new Taken(this, this.hold())
  }

  taken(at: Snapshot): Taken<View> {
    assert(at instanceof Taken, "a snapshot is of this engine")
    return at
  }

  /** What reads without a snapshot see: undefined for what is committed. */
  get current(): View | undefined {
    return this.pinned?.view
  }

  /** From now on nothing that is committed shows. */
  pin(): View {
    assert(this.pinned === undefined, "one write at a time")
    this.pinned = this.hold()
    return this.pinned.view
  }

  unpin(): void {
    const { pinned } = this
    assert(pinned !== undefined, "what was pinned is given up")
    this.pinned = undefined
    this.drop(pinned)
  }

  /** What is still open is released: at the end, when nobody reads any more. */
  close(): void {
    for (const { view } of this.open) this.foreign.release(view)
    this.open.clear()
  }
}
