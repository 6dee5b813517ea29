/**
 * Holding: slots that stand still for a while, because what is in them is being carried elsewhere or changed together with other nodes': commands on them
 * wait, and nothing expires or is evicted. Whoever wants slots waits until nobody has any of them, and nobody who came before wants any.
 */
import * as Effect from "effect/Effect"
import * as Completion from "#world/Completion.ts"
import type { Engine } from "./Engine.ts"
import type { Placement } from "./Placement.ts"
import { SlotSet } from "./SlotSet.ts"

interface Wish {
  readonly slots: SlotSet
  readonly granted: () => void
}

export class Holding {
  private readonly engine: Engine
  private readonly placement: Placement
  private readonly active = new Set<Wish>()
  private waiting: Array<Wish> = []

  constructor(engine: Engine, placement: Placement) {
    this.engine = engine
    this.placement = placement
  }

  /** Does something while the slots stand still. */
  during<A, E>(slots: SlotSet, use: Effect.Effect<A, E>): Effect.Effect<A, E> {
    let own: Wish | undefined
    const held = Completion.submit<void, never>((done) => {
      own = { slots, granted: () => done(undefined, undefined) }
      this.waiting.push(own)
      this.look()
    })
    const over = Effect.sync(() => {
      if (own === undefined) return
      this.waiting = this.waiting.filter((wish) => wish !== own)
      if (this.active.delete(own)) this.hold()
      this.look()
    })
    return Effect.ensuring(Effect.andThen(held, use), over)
  }

  /** Everything is another node's. */
  abandon(): void {
    this.active.clear()
    this.waiting = []
    this.hold()
  }

  private look(): void {
    let taken = SlotSet.none
    for (const { slots } of this.active) taken = taken.and(slots)
    const granted: Array<Wish> = []
    for (const wish of this.waiting) {
      if (!wish.slots.touches(taken)) granted.push(wish)
      taken = taken.and(wish.slots)
    }
    if (granted.length === 0) return
    this.waiting = this.waiting.filter((wish) => !granted.includes(wish))
    for (const wish of granted) this.active.add(wish)
    this.hold()
    for (const wish of granted) wish.granted()
  }

  private hold(): void {
    let slots = SlotSet.none
    for (const wish of this.active) slots = slots.and(wish.slots)
    this.engine.still = slots
    this.placement.hold(slots)
  }
}
