/**
 * Partaking: this node's part in commands whose keys several nodes have. Whoever carries out such a command asks each of them to hold its slots still,
 * all at a time if none has to wait for others' commands, else one after the other, in the order of their numbers; reads what it needs there; and
 * stores what comes of it for all of them in one transaction: each gets it as a record of its stream, whose number it keeps free. So the record decides:
 * if nobody says what became of the command, this node looks whether the record is there, and puts an empty one there if it is not, so that it never
 * will be.
 */
import * as Effect from "effect/Effect"
import type { Timestamp } from "#keyspace/Request.ts"
import * as Completion from "#world/Completion.ts"
import type { Trace } from "#world/Trace.ts"
import type { Engine } from "./Engine.ts"
import type { Name } from "./Folding.ts"
import type { Holding } from "./Holding.ts"
import type { Ownership, OwnershipLost } from "./Ownership.ts"
import type { Placement } from "./Placement.ts"
import * as Record from "./Record.ts"
import type { SlotSet } from "./SlotSet.ts"
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
  /** Waits until nobody else holds any of them. */
  readonly isPatient: boolean
  readonly granted: (grant: Grant, end: End) => void
  /** Some of the slots are not this node's; `isBusy`: they are, but somebody else holds some. */
  readonly refused: (isBusy: boolean) => void
}

export interface Parts {
  readonly node: number
  readonly engine: Engine
  readonly ownership: Ownership
  readonly placement: Placement
  readonly holding: Holding
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
  private readonly parts: Parts
  private requests: Array<Request> = []
  private wake: (() => void) | undefined
  /** What is to be done with those that were neither granted nor refused, or have not ended, when everything is lost. */
  private readonly lost = new Set<() => void>()

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
    const { requests } = this
    const lost = [...this.lost]
    this.requests = []
    this.lost.clear()
    for (const { refused } of requests) refused(false)
    for (const lose of lost) lose()
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
      if (request === undefined) return asked
      // Who has lost everything learns that elsewhere, too.
      return Effect.asVoid(Effect.forkChild(Effect.ignore(this.serve(request))))
    })
    return Effect.forever(next)
  })

  private serve(request: Request): Effect.Effect<void, OwnershipLost> {
    const { engine, holding, ownership, placement, storing } = this.parts
    const { isPatient, slots } = request
    if (!isPatient && !holding.isFree(slots)) return Effect.sync(() => request.refused(true))
    // What it is told must be so when it hears of it: the slots do not stand still any more.
    let tell: (() => void) | undefined
    const refused = (): void => request.refused(false)
    this.lost.add(refused)
    const still = Effect.gen({ self: this }, function* () {
      const isFit = slots.isWithin(placement.loaded) && (yield* storing.flushOf(slots))
      this.lost.delete(refused)
      if (!isFit) return refused()
      const { ended, record } = yield* this.granted(request, storing.reserve())
      tell = () => ended.told(record !== undefined || ownership.isHeld)
    })
    return Effect.map(holding.during(slots, still), () => {
      // Whom that has made ready may change what stood still.
      engine.settle()
      tell?.()
    })
  }

  private granted(
    { granted }: Request,
    name: Name
  ): Effect.Effect<{ readonly ended: Ended; readonly record: Uint8Array | undefined }, OwnershipLost> {
    const { engine, node, ownership, storing, trace } = this.parts
    const { epoch } = ownership
    let isLate = false
    let owed: ((isDone: boolean) => void) | undefined
    const lose = (): void => {
      isLate = true
      owed?.(false)
    }
    this.lost.add(lose)
    const ended = Completion.submit<Ended, never>((done) => {
      this.counts.granted += 1
      granted({ ...name, node, epoch, generation: engine.journal.generation }, (ending, told) => {
        if (isLate) return told(false)
        owed = told
        done(undefined, { ending, told })
      })
    })
    const nobody: Ended = { ending: undefined, told: () => {} }
    const patient = Effect.map(Effect.timeoutOption(ended, grantMillisMax), (found) => {
      isLate = true
      return found._tag === "Some" ? found.value : nobody
    })
    const decided = Effect.flatMap(patient, (end) => {
      if (end.ending !== undefined) {
        const record = end.ending.type === "stored" ? end.ending.record : undefined
        return Effect.sync(() => this.become(name, record, end))
      }
      this.counts.doubted += 1
      trace.emit("warn", "redis/in-doubt", { stream: name.stream, number: name.number })
      return Effect.map(storing.decide(name), (record) => this.become(name, record, end))
    })
    return Effect.map(decided, (all) => {
      this.lost.delete(lose)
      return all
    })
  }

  /** Entries are as the record says. */
  private become(
    name: Name,
    record: Uint8Array | undefined,
    ended: Ended
  ): { readonly ended: Ended; readonly record: Uint8Array | undefined } {
    const { engine, storing } = this.parts
    if (record !== undefined) storing.folding.add(name, record.length)
    if (record !== undefined && !Record.isEmpty(record)) {
      for (const prefix of engine.become(record)) storing.folding.discard(prefix)
    }
    return { ended, record }
  }
}
