/**
 * Partaking: this node's part in commands whose keys several nodes have. Whoever carries out such a command asks each of them, in the order of their
 * numbers, to hold its slots still; reads what it needs there; and stores what comes of it for all of them in one transaction: each gets it as the next
 * record of its stream, which it keeps free meanwhile. So the record decides: if nobody says what became of the command, this node looks whether the
 * record is there, and puts an empty one there if it is not, so that it never will be.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import type { Timestamp } from "#keyspace/Request.ts"
import * as Completion from "#world/Completion.ts"
import type { Trace } from "#world/Trace.ts"
import type { Engine } from "./Engine.ts"
import type { Name } from "./Folding.ts"
import type { Ownership, OwnershipLost } from "./Ownership.ts"
import type { Placement } from "./Placement.ts"
import * as Record from "./Record.ts"
import { SlotSet } from "./SlotSet.ts"
import type { Storing } from "./Storing.ts"

/** What the node promises: nothing changes in its slots, and its stream has no record of this number, until it is told the end. */
export interface Grant extends Name {
  readonly node: number
  readonly epoch: Timestamp
  /** Later generations than this are new here. */
  readonly generation: number
}

/** The record is stored, or will never be; undefined: nobody knows. */
export type Ending =
  | { readonly type: "stored"; readonly record: Uint8Array }
  | { readonly type: "unstored" }
  | undefined

/** `told`: called once that is done, and what the record says is so here; false: it is not known what became of it, since this node has lost everything. */
export type End = (ending: Ending, told: (isDone: boolean) => void) => void

export interface Request {
  /** By their slots. */
  readonly slots: SlotSet
  readonly granted: (grant: Grant, end: End) => void
  /** Some of the slots are not this node's. */
  readonly refused: () => void
}

export interface Parts {
  readonly node: number
  readonly engine: Engine
  readonly ownership: Ownership
  readonly placement: Placement
  readonly storing: Storing
  readonly trace: Trace["Service"]
}

interface Ended {
  readonly ending: Ending
  readonly told: (isDone: boolean) => void
}

/** Whoever has not said what became of it by then does not live. */
const grantMillisMax = 10_000

export class Partaking {
  readonly counts = { granted: 0, doubted: 0 }
  /** Whoever holds slots still does so alone. */
  readonly turn = Semaphore.makeUnsafe(1)
  private readonly parts: Parts
  private requests: Array<Request> = []
  private wake: (() => void) | undefined
  private owed: ((isDone: boolean) => void) | undefined

  constructor(parts: Parts) {
    this.parts = parts
  }

  ask(request: Request): void {
    this.requests.push(request)
    this.wake?.()
  }

  /** It does not ask any more. False: it has been granted already. */
  withdraw(request: Request): boolean {
    const at = this.requests.indexOf(request)
    if (at >= 0) this.requests.splice(at, 1)
    return at >= 0
  }

  /** Everything is another node's. */
  abandon(): void {
    const { owed, requests } = this
    this.requests = []
    this.owed = undefined
    for (const { refused } of requests) refused()
    owed?.(false)
  }

  /** Never ends, unless the data is another node's. */
  readonly run: Effect.Effect<never, OwnershipLost> = Effect.suspend(() => {
    const asked = Completion.submit<void, never>((done) => {
      this.wake = () => {
        this.wake = undefined
        done(undefined, undefined)
      }
      // Somebody may have asked since it was looked.
      if (this.requests.length > 0) this.wake()
    })
    const next = Effect.suspend(() => {
      const request = this.requests.shift()
      return request === undefined ? asked : this.turn.withPermits(1)(this.serve(request))
    })
    return Effect.forever(next)
  })

  private serve(request: Request): Effect.Effect<void, OwnershipLost> {
    const { engine, ownership, placement, storing } = this.parts
    return Effect.gen({ self: this }, function* () {
      const { slots } = request
      if (slots.without(placement.here).count > 0) return request.refused()
      placement.hold(slots)
      engine.isStill = true
      if (!(yield* storing.flush)) return request.refused()
      const { ended, record } = yield* storing.reserved(this.granted(request))
      engine.isStill = false
      placement.hold(SlotSet.none)
      this.owed = undefined
      // What it was told is its own to tell as long as nobody else can have had the slots.
      ended.told(record !== undefined || ownership.isHeld)
    })
  }

  /** What is to be done while no record of its own is stored. */
  private readonly granted =
    ({ granted }: Request) =>
    (name: Name): Effect.Effect<{ readonly ended: Ended; readonly record: Uint8Array | undefined }, OwnershipLost> => {
      const { engine, node, ownership, storing, trace } = this.parts
      const { epoch } = ownership
      const ended = Completion.submit<Ended, never>((done) => {
        this.counts.granted += 1
        granted({ ...name, node, epoch, generation: engine.journal.generation }, (ending, told) => {
          this.owed = told
          done(undefined, { ending, told })
        })
      })
      const nobody: Ended = { ending: undefined, told: () => {} }
      const patient = Effect.map(Effect.timeoutOption(ended, grantMillisMax), (found) =>
        found._tag === "Some" ? found.value : nobody
      )
      return Effect.flatMap(patient, (end) => {
        if (end.ending !== undefined) {
          const record = end.ending.type === "stored" ? end.ending.record : undefined
          return Effect.sync(() => this.become(record, end))
        }
        this.counts.doubted += 1
        trace.emit("warn", "redis/in-doubt", { stream: name.stream, number: name.number })
        return Effect.map(storing.decide(name), (record) => this.become(record, end))
      })
    }

  /** Entries are as the record says. */
  private become(record: Uint8Array | undefined, ended: Ended): { ended: Ended; record: Uint8Array | undefined } {
    const { engine, storing } = this.parts
    if (record !== undefined && !Record.isEmpty(record)) {
      for (const prefix of engine.become(record)) storing.folding.discard(prefix)
    }
    return { ended, record }
  }
}
