/**
 * Holding: slots that stand still for a while, because what is in them is being carried elsewhere or changed together with other nodes': commands on them
 * wait, and nothing expires or is evicted. Whoever wants slots waits until nobody has any of them, and nobody who came before wants any.
 */
import * as Effect from "effect/Effect"
import * as Completion from "#world/Completion.ts"
import type { Engine } from "./Engine.ts"
import type { Placement } from "./Placement.ts"
import type { SlotSet } from "./SlotSet.ts"

interface Wish {
  readonly slots: SlotSet
  /** In so many of them somebody else is before it. */
  ahead: number
  readonly granted: () => void
}

export class Holding {
  private readonly placement: Placement
  /** Who wants a slot, in their order; the first has it, if it has all the others that it wants. */
  private readonly lines = new Map<number, Array<Wish>>()
  /** What stands still. */
  private readonly still = new Set<number>()

  constructor(engine: Engine, placement: Placement) {
    this.placement = placement
    engine.still = placement.held = this.still
  }

  /** Nobody has any of the slots, nor waits for one. */
  isFree(slots: SlotSet): boolean {
    return this.lines.size === 0 || !slots.list.some((slot) => this.lines.has(slot))
  }

  /** Does something while the slots stand still. */
  during<A, E>(slots: SlotSet, use: Effect.Effect<A, E>): Effect.Effect<A, E> {
    let own: Wish | undefined
    const held = Completion.submit<void, never>((done) => {
      own = { slots, ahead: 0, granted: () => done(undefined, undefined) }
      this.enter(own)
    })
    const over = Effect.sync(() => {
      if (own !== undefined) this.leave(own)
    })
    return Effect.ensuring(Effect.andThen(held, use), over)
  }

  /** Everything is another node's. */
  abandon(): void {
    this.lines.clear()
    this.still.clear()
    this.placement.changed()
  }

  private enter(wish: Wish): void {
    for (const slot of wish.slots.list) {
      const line = this.lines.get(slot)
      if (line === undefined) this.lines.set(slot, [wish])
      else {
        line.push(wish)
        wish.ahead += 1
      }
    }
    if (wish.ahead === 0) this.grant(wish)
  }

  /** It has what it wanted no more, or does not want it any more. */
  private leave(wish: Wish): void {
    const next: Array<Wish> = []
    for (const slot of wish.slots.list) {
      const line = this.lines.get(slot)
      const at = line?.indexOf(wish) ?? -1
      // Everything was given up, and others want it by now.
      if (line === undefined || at < 0) continue
      line.splice(at, 1)
      if (line.length === 0) this.lines.delete(slot)
      else if (at === 0 && --line[0].ahead === 0) next.push(line[0])
      if (wish.ahead === 0) this.still.delete(slot)
    }
    for (const each of next) this.grant(each)
    if (wish.ahead === 0) this.placement.changed()
  }

  private grant(wish: Wish): void {
    for (const slot of wish.slots.list) this.still.add(slot)
    this.placement.changed()
    wish.granted()
  }
}
