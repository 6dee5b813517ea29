/**
 * Scrubber: reads everything that engines and logs have on disk, again and again, so that rot is found while a replica or a backup
 * still has what was there (Bairavasundaram et al., "An analysis of latent sector errors in disk drives", 2007: most errors are met
 * in bytes that nobody had read for a long time).
 *
 * - A round reads each target once, a step of `verify` at a time, at `bytesPerSecond` on average. A disk that was slow is not
 *   made up for with a burst.
 * - Each place is reported once: as the trace event `storage/rot`, and to `onRot`. One that a later round finds whole was
 *   repaired: when it rots again it is reported again.
 * - A step that fails is tried again, after longer and longer pauses; then the rest of its target waits for the next round.
 *   A target that is closed is left alone from then on.
 *
 * Needs of its caller: the targets live as long as the scrubber. Its scope ends when no step is under way any more.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { assert } from "#base/Assert.ts"
import * as Limits from "#base/Limits.ts"
import * as Completion from "#world/Completion.ts"
import * as Timers from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import type { Port, Verified } from "./Engine.ts"
import type { Corrupt, StorageError } from "./StorageError.ts"

/** An engine's port, or a log. */
export type Target = Pick<Port, "verify">

export interface Options {
  readonly targets: ReadonlyArray<Target>
  /** Default: 4 MiB, with which a terabyte takes three days, and a disk has nearly all of its time for others. */
  readonly bytesPerSecond?: number
  /** From the begin of a round to that of the next, at least. Default: an hour, so that a small store is not read all day. */
  readonly roundMicrosMin?: number
  /** Called for each place once, with what is wrong there. */
  readonly onRot?: (rot: Corrupt) => void
}

export interface Stats {
  /** Rounds that came to their end. */
  readonly rounds: number
  readonly bytesRead: number
  /** Steps that failed. */
  readonly failures: number
}

export interface Scrubber {
  stats(): Stats
  /** What is rotten, as far as it is known: each place once. */
  rot(): ReadonlyArray<Corrupt>
}

const second = 1_000_000
const defaults = { bytesPerSecond: 4 * 1_048_576, roundMicrosMin: 3_600 * second }
/** A step that fails is tried again after this long, then after twice as long, and so on. */
const retryMicros = second
const triesMax = 4
const ticket = 0

const placeOf = ({ offsetBytes, path }: Corrupt): string => `${path}:${offsetBytes}`

class Rounds implements Timers.Sink, Scrubber {
  private readonly targets: Array<Target>
  private readonly bytesPerSecond: number
  private readonly roundMicrosMin: number
  private readonly onRot: (rot: Corrupt) => void
  private readonly timers: Timers.Port
  private readonly trace: Trace["Service"]
  /** What this round found, by its place, and what the one before did. */
  private found = new Map<string, Corrupt>()
  private before = new Map<string, Corrupt>()
  private rounds = 0
  private bytesRead = 0
  private failures = 0
  /** The target that is being read, and how far. */
  private target = 0
  private position = 0
  private tries = 0
  /** All of this round's targets were read to their ends. */
  private isWhole = true
  private roundAt = 0
  private stepAt = 0
  private isUnderWay = false
  private onIdle: (() => void) | undefined

  constructor(
    options: Options,
    parts: { readonly attach: Timers.Timers["Service"]["attach"]; readonly trace: Trace["Service"] }
  ) {
    const { bytesPerSecond, onRot = () => {}, roundMicrosMin, targets } = { ...defaults, ...options }
    assert(bytesPerSecond > 0, "a scrubber reads something")
    assert(roundMicrosMin > 0, "rounds do not follow each other without a pause")
    this.targets = [...targets]
    this.bytesPerSecond = bytesPerSecond
    this.roundMicrosMin = roundMicrosMin
    this.onRot = onRot
    this.timers = parts.attach(this)
    this.trace = parts.trace
    this.roundAt = this.timers.nowMicros()
    this.timers.set(ticket, 0)
  }

  stats(): Stats {
    const { bytesRead, failures, rounds } = this
    return { rounds, bytesRead, failures }
  }

  rot(): ReadonlyArray<Corrupt> {
    return [...new Map([...this.before, ...this.found]).values()]
  }

  /** Calls back when no step is under way any more, and none begins. */
  end(done: () => void): void {
    this.timers.clear(ticket)
    this.onIdle = done
    if (!this.isUnderWay) done()
  }

  fired(): void {
    const target = this.targets.at(this.target)
    if (target === undefined) return this.endRound()
    this.isUnderWay = true
    this.stepAt = this.timers.nowMicros()
    target.verify(this.position, (error, verified) => {
      this.isUnderWay = false
      if (this.onIdle !== undefined) return this.onIdle()
      if (error === undefined) this.verified(verified!)
      else this.failed(error)
    })
  }

  private verified({ bytesRead, position, rot }: Verified): void {
    this.tries = 0
    this.bytesRead += bytesRead
    for (const each of rot) this.report(each)
    this.position = position
    if (position === 0) this.target++
    const elapsed = this.timers.nowMicros() - this.stepAt
    this.timers.set(ticket, Math.max(0, Math.ceil((bytesRead * second) / this.bytesPerSecond) - elapsed))
  }

  private failed(error: StorageError): void {
    if (error._tag === "Corrupt") {
      // Nobody says where to go on.
      this.report(error)
      return this.skip()
    }
    if (error._tag === "Refused" && error.reason === "closed") {
      this.targets.splice(this.target, 1)
      this.position = 0
      this.timers.set(ticket, 0)
      return
    }
    this.failures++
    this.tries++
    this.trace.emit("warn", "storage/scrub-failed", { message: error.message, tries: this.tries })
    if (this.tries >= triesMax) return this.skip()
    this.timers.set(ticket, retryMicros * (1 << (this.tries - 1)))
  }

  /** What is left of the target waits for the next round. */
  private skip(): void {
    this.isWhole = false
    this.tries = 0
    this.position = 0
    this.target++
    this.timers.set(ticket, retryMicros)
  }

  private report(rot: Corrupt): void {
    const place = placeOf(rot)
    if (this.found.has(place)) return
    const isKnown = this.before.has(place)
    if (!isKnown && this.found.size + this.before.size >= Limits.rotPlacesMax) {
      this.trace.mark("storage/rot-places-full")
      return
    }
    this.found.set(place, rot)
    if (isKnown) return
    const { message, offsetBytes, path } = rot
    this.trace.emit("error", "storage/rot", { path, offsetBytes, message })
    this.onRot(rot)
  }

  private endRound(): void {
    this.rounds++
    // What was not read may be as rotten as before.
    this.before = this.isWhole ? this.found : new Map([...this.before, ...this.found])
    this.found = new Map()
    this.trace.emit("info", "storage/scrubbed", { ...this.stats(), rot: this.before.size })
    this.target = 0
    this.position = 0
    this.isWhole = true
    const now = this.timers.nowMicros()
    const pause = Math.max(0, this.roundAt + this.roundMicrosMin - now)
    this.roundAt = now + pause
    this.timers.set(ticket, pause)
  }
}

/** Scrubs for the life of the scope. */
export const start = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Scrubber, never, Timers.Timers | Trace | Scope.Scope> {
  const { attach } = yield* Timers.Timers
  const trace = yield* Trace
  const rounds = yield* Effect.acquireRelease(
    Effect.sync(() => new Rounds(options, { attach, trace })),
    (rounds) => Completion.submit<void, never>((done) => rounds.end(() => done(undefined, undefined)))
  )
  return rounds
})
