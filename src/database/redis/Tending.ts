/**
 * Tending: sees to it that every slot has a node that answers for it, and that none has many more than the others. One thing at a time: what this node
 * was given, or has taken over, is loaded; what a silent node had is taken over; slots go to a node that has few.
 *
 * Slots that go are folded first, while they are in use. Then commands on them wait, for as long as it takes to store and fold what was changed last: who
 * gets them finds all of them among their keys, and nothing in any stream.
 */
import * as Effect from "effect/Effect"
import * as SpacesRedis from "#keyspace/SpacesRedis.ts"
import type { RunError } from "#txn/TxnError.ts"
import * as Completion from "#world/Completion.ts"
import type { Trace } from "#world/Trace.ts"
import type { Engine } from "./Engine.ts"
import type { DoesNotFit, Fetching } from "./Fetching.ts"
import type { Holding } from "./Holding.ts"
import { type Ownership, OwnershipLost, type Seen, type Taken } from "./Ownership.ts"
import type { Placement } from "./Placement.ts"
import { SlotSet } from "./SlotSet.ts"
import type { Storing } from "./Storing.ts"

export interface Parts {
  readonly engine: Engine
  readonly ownership: Ownership
  readonly placement: Placement
  readonly storing: Storing
  readonly fetching: Fetching
  readonly trace: Trace["Service"]
  readonly holding: Holding
  /** Slots go from who has many to who has few. */
  readonly spreads: boolean
  /** Between looks. */
  readonly lookMillis: number
  /** Called when slots are another node's, before anybody is told. */
  readonly left: (slots: SlotSet) => void
}

/** Slots that go at a time: whoever wants their keys waits until they are loaded. */
const movedMax = 512
/** What is left to be folded while they wait. */
const restBytesMax = 65_536
/** Where there is always more than that to fold, they wait longer. */
const roundsMax = 8
/** Entries that are forgotten in a turn. */
const unloadedAtOnce = 1_024
const retryMillis = 50

interface Move {
  readonly slots: SlotSet
  readonly to: Seen
}

const isRunError = (error: RunError | OwnershipLost | DoesNotFit): error is RunError =>
  error._tag !== "OwnershipLost" && error._tag !== "DoesNotFit"

export class Tending {
  readonly counts = { adopted: 0, given: 0, taken: 0 }
  private readonly parts: Parts
  /** Streams of which everything is loaded. */
  private streams = new Set<number>()
  private isDue = false
  /** Ends the pause between looks. */
  private wake: (() => void) | undefined

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** There may be something to do. */
  look(): void {
    this.isDue = true
    this.wake?.()
  }

  /** What the node began with is loaded. */
  begin({ at, slots, streams }: Taken): void {
    const { placement } = this.parts
    this.streams = new Set([...streams, at])
    placement.loaded = slots
    placement.look()
  }

  /** Never ends, unless the data is another node's. */
  readonly run: Effect.Effect<never, OwnershipLost | DoesNotFit> = Effect.suspend(() => {
    const step = Effect.catchIf(this.step, isRunError, (error) =>
      Effect.sync(() =>
        this.parts.trace.emit("warn", "redis/not-moved", { reason: error._tag, message: error.message })
      )
    )
    return Effect.forever(Effect.andThen(this.pause, step))
  })

  private readonly pause = Effect.suspend(() => {
    const woken = Completion.submit<void, never>((done) => {
      this.wake = () => {
        this.wake = undefined
        done(undefined, undefined)
      }
    })
    const paused = this.isDue ? Effect.yieldNow : Effect.timeoutOption(woken, this.parts.lookMillis)
    this.isDue = false
    return Effect.map(paused, () => {
      this.wake = undefined
    })
  })

  private readonly step: Effect.Effect<void, RunError | OwnershipLost | DoesNotFit> = Effect.suspend(() => {
    const { ownership, placement } = this.parts
    placement.look()
    const missing = ownership.slots.without(placement.loaded)
    if (missing.count > 0) return this.take(missing)
    for (const seen of ownership.others.values()) {
      if (seen.slots.count > 0 && ownership.isSilent(seen)) return this.adopt(seen)
    }
    const { move } = this
    return move === undefined ? Effect.void : this.give(move)
  })

  /** Loads what this node has by now, however it came to have it. */
  private take(slots: SlotSet): Effect.Effect<void, RunError | OwnershipLost | DoesNotFit> {
    return Effect.suspend(() => {
      const { fetching, ownership, placement, trace } = this.parts
      const streams = ownership.streams.filter((stream) => !this.streams.has(stream))
      return Effect.map(fetching.fetch({ slots, streams, at: ownership.at }, false), () => {
        for (const stream of streams) this.streams.add(stream)
        placement.loaded = placement.loaded.and(slots)
        this.counts.taken += slots.count
        trace.emit("info", "redis/slots-loaded", { slots: slots.count })
        placement.look()
        this.look()
      })
    })
  }

  private adopt(silent: Seen): Effect.Effect<void, RunError | OwnershipLost> {
    const { ownership, placement, trace } = this.parts
    return Effect.map(ownership.adopt(silent), (isAdopted) => {
      // Another node was faster.
      if (!isAdopted) return placement.refresh()
      this.counts.adopted += 1
      trace.emit("warn", "redis/node-replaced", { node: silent.node, slots: silent.slots.count })
      this.look()
    })
  }

  /** From here to the node that has the fewest, if that is too few. */
  private get move(): Move | undefined {
    const { ownership, placement, spreads } = this.parts
    if (!spreads) return undefined
    const living = placement.peers.map(({ node }) => ownership.others.get(node)!)
    const share = SpacesRedis.slots / (living.length + 1)
    let to: Seen | undefined
    for (const seen of living) if (to === undefined || seen.slots.count < to.slots.count) to = seen
    if (to === undefined) return undefined
    const tooMany = ownership.slots.count - Math.ceil(share)
    const tooFew = Math.floor(share) - to.slots.count
    if (tooMany <= 0 || tooFew <= 0) return undefined
    return { slots: ownership.slots.last(Math.min(tooMany, tooFew, movedMax)), to }
  }

  private give({ slots, to }: Move): Effect.Effect<void, RunError | OwnershipLost> {
    const { holding, left, ownership, placement, storing, trace } = this.parts
    const { folding } = storing
    const ready = Effect.gen(function* () {
      for (let round = 0; round === 0 || (round < roundsMax && folding.waitingBytes > restBytesMax); round++) {
        // What came while the first fold went on is the less the shorter the next one takes.
        yield* folding.folded(round > 0)
      }
    })
    const given = Effect.gen({ self: this }, function* () {
      if (!(yield* storing.flush)) return
      yield* folding.folded(true)
      yield* this.handOver(slots, to.node)
      if (ownership.slots.has(slots.ranges[0][0])) return
      placement.loaded = placement.loaded.without(slots)
      left(slots)
      placement.look()
      yield* this.unload(slots)
      this.counts.given += slots.count
      trace.emit("info", "redis/slots-given", { slots: slots.count, to: to.node })
    })
    return Effect.map(Effect.andThen(ready, holding.during(slots, given)), () => this.look())
  }

  /** Until it is known whether they are that node's. */
  private handOver(slots: SlotSet, to: number): Effect.Effect<void, OwnershipLost> {
    const { ownership } = this.parts
    // What comes of a transaction whose outcome is unknown is known after the next one on the same key.
    const known: Effect.Effect<void, OwnershipLost> = Effect.catchIf(
      ownership.beat(new Set()),
      (error): error is RunError => !(error instanceof OwnershipLost),
      () => Effect.andThen(Effect.sleep(retryMillis), known)
    )
    return Effect.catchIf(
      Effect.asVoid(ownership.give(slots, to)),
      (error): error is RunError => !(error instanceof OwnershipLost),
      () => known
    )
  }

  /** Forgets what is in slots that are another node's by now. */
  private unload(slots: SlotSet): Effect.Effect<void> {
    const { engine } = this.parts
    return Effect.gen(function* () {
      let unloaded = 0
      engine.elsewhere = slots
      for (const database of engine.databases) {
        for (const [first, last] of slots.ranges) {
          for (let slot = first; slot <= last; slot++) {
            for (let entry = database.anyOf(slot); entry !== undefined; entry = database.anyOf(slot)) {
              database.unrestore(entry)
              if (++unloaded % unloadedAtOnce === 0) yield* Effect.yieldNow
            }
          }
        }
      }
      engine.elsewhere = SlotSet.none
    })
  }
}
