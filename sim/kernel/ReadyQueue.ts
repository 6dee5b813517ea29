/**
 * ReadyQueue: the tasks of fibers that could run now, and the policy that decides which of them does. Virtual time stands
 * still while one is ready.
 *
 * - `fifo`: in the order in which they became ready.
 * - `uniform`: any of them.
 * - `pct`: each strand (a fiber's dispatcher) has a drawn priority, and the highest goes first; at a few random points the
 *   running strand falls below all others (Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of
 *   Finding Bugs", ASPLOS 2010).
 * - `starve`: the tasks of one strand are held back by the kernel (see `held`), the others go in order.
 */
import type { PolicyName } from "./PolicyName.ts"
import type { Stream, Streams } from "./Stream.ts"

/** What the queue must know of a task: who runs, numbered by order of appearance in the run. */
export interface Ready {
  readonly strand: number
}

const pctChangePointsMax = 8
const pctChangeOneIn = 256
const pctPriorities = 1 << 20
const starveStrandsMax = 24
const starveMicrosMax = 50_000
/** A task is now and then late, so that events of the world come between: without it a fiber that yields goes on before anything else can happen. */
const lagOneIn = 8
const lagMicrosMax = 5_000

export class ReadyQueue<Task extends Ready> {
  private readonly policy: PolicyName
  private readonly pick: Stream
  private readonly lag: Stream
  private tasks: Array<Task> = []
  private head = 0
  private readonly priorities = new Map<number, number>()
  private changePointsLeft = pctChangePointsMax
  private readonly victim: number

  constructor(policy: PolicyName, streams: Streams) {
    this.policy = policy
    this.pick = streams.get("schedule/pick")
    this.lag = streams.get("schedule/lag")
    this.victim = policy === "starve" ? streams.get("schedule/victim").below(starveStrandsMax) : -1
  }

  get isEmpty(): boolean {
    return this.head === this.tasks.length
  }

  /** Microseconds for which a task of this strand is held back before it becomes ready. */
  held(strand: number): number {
    if (this.policy === "fifo") return 0
    if (strand === this.victim) return this.lag.below(starveMicrosMax)
    return this.lag.chance(1, lagOneIn) ? this.lag.below(lagMicrosMax) : 0
  }

  push(task: Task): void {
    this.tasks.push(task)
  }

  /** The task to run next; the queue must not be empty. */
  take(): Task {
    const waiting = this.tasks.length - this.head
    const offset =
      waiting === 1
        ? 0
        : this.policy === "uniform"
          ? this.pick.below(waiting)
          : this.policy === "pct"
            ? this.highest()
            : 0
    const task = this.tasks[this.head + offset]
    if (this.policy === "pct") this.maybeLower(task.strand)
    if (offset === 0) {
      this.head++
      if (this.head === this.tasks.length) {
        this.tasks.length = 0
        this.head = 0
      } else if (this.head > 1_024) {
        this.tasks = this.tasks.slice(this.head)
        this.head = 0
      }
    } else {
      this.tasks.splice(this.head + offset, 1)
    }
    return task
  }

  private priority(strand: number): number {
    let priority = this.priorities.get(strand)
    if (priority === undefined) {
      priority = this.pick.below(pctPriorities)
      this.priorities.set(strand, priority)
    }
    return priority
  }

  private highest(): number {
    let best = 0
    let bestPriority = -Infinity
    for (let i = this.head; i < this.tasks.length; i++) {
      const priority = this.priority(this.tasks[i].strand)
      if (priority > bestPriority) {
        bestPriority = priority
        best = i - this.head
      }
    }
    return best
  }

  private maybeLower(strand: number): void {
    if (this.changePointsLeft > 0 && this.pick.chance(1, pctChangeOneIn)) {
      this.priorities.set(strand, -(pctChangePointsMax - this.changePointsLeft) - 1)
      this.changePointsLeft--
    }
  }
}
