/** RigJoint: a node's part in what several do together, as `Partaking` and `Joint` have it, where nothing is ever lost: for tests. */
import type { Engine } from "#database/redis/Engine.ts"
import type { Part, Stored } from "#database/redis/Joint.ts"
import type { End, Request } from "#database/redis/Partaking.ts"
import type { SlotSet } from "#database/redis/SlotSet.ts"
import type { Joint } from "./Server.ts"

export interface Parts {
  readonly node: number
  readonly engine: Engine
  /** All are answered for here. */
  readonly isHere: (slots: SlotSet) => boolean
  /** They are held from now on, or not any more. */
  readonly hold: (slots: SlotSet, isHeld: boolean) => void
  /** Is called, but not within this call. */
  readonly later: (act: () => void) => void
}

export class RigJoint implements Joint {
  /** Whose slots stand still. */
  held: SlotSet | undefined
  granted = 0
  /** What becomes of what is to be stored. */
  outcome: Stored = { type: "stored" }
  private requests: Array<Request> = []
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  hold(request: Request): void {
    if (!request.isPatient && this.held !== undefined) return this.parts.later(() => request.refused(true))
    this.requests.push(request)
    this.parts.later(() => this.next())
  }

  withdraw(request: Request): void {
    this.requests = this.requests.filter((each) => each !== request)
  }

  store(_: ReadonlyArray<Part>, done: (stored: Stored) => void): void {
    const { outcome } = this
    this.parts.later(() => done(outcome))
  }

  private next(): void {
    if (this.held !== undefined) return
    const request = this.requests.shift()
    if (request === undefined) return
    const { engine, hold, isHere, node } = this.parts
    const { slots } = request
    if (!isHere(slots)) {
      request.refused(false)
      return this.next()
    }
    this.held = slots
    hold(slots, true)
    const end: End = (ending, told) =>
      this.parts.later(() => {
        // Nobody is ever in doubt here: who does not say that it is stored has not stored it.
        if (ending?.type === "stored") engine.become(ending.record)
        this.held = undefined
        hold(slots, false)
        engine.settle()
        told(true)
        this.next()
      })
    request.granted({ node, epoch: 1, stream: 1, number: ++this.granted, generation: engine.journal.generation }, end)
  }
}
