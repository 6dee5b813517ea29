/**
 * RealScheduler: Effect's `Scheduler` for one node. All fibers of the node share one run queue, which is run in batches,
 * one `setImmediate` a batch.
 *
 * Promises:
 * - A task runs after the current stack is done, never within `scheduleTask`.
 * - Tasks of a lower number run first (Effect's order); among equals, first in first out.
 * - A task that is scheduled while a batch runs waits for the next batch, and I/O has its turn in between: fibers that
 *   wake each other for ever cannot starve the sockets.
 * - A fiber gives way after `MaxOpsBeforeYield` operations (2,048 by default: some 100 microseconds).
 *
 * Why not Effect's default, which promises the same to each fiber: it makes a queue and a `setImmediate` for every fiber
 * that yields, and each of these costs a microsecond; here a thousand fibers that are ready share one. It also has no
 * end: `abandon` stops a node dead (a crash, or `Host.exit` where several nodes share a process): nothing of it runs again.
 */
import type * as Fiber from "effect/Fiber"
import type * as Scheduler from "effect/Scheduler"

type Task = () => void

/** Tasks of one priority. */
interface Lane {
  readonly priority: number
  readonly tasks: Array<Task>
}

export class RealScheduler implements Scheduler.Scheduler, Scheduler.SchedulerDispatcher {
  readonly executionMode = "async"
  /** Lanes with tasks, by priority. Nearly always one. */
  private lanes: Array<Lane> = []
  private scheduled: NodeJS.Immediate | undefined
  private abandoned = false

  /** A fiber of an abandoned node yields at its next operation, and nobody takes the task up. */
  shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    return fiber.currentOpCount >= fiber.cache.maxOpsBeforeYield || this.abandoned
  }

  /** One queue for all: order by priority holds among the fibers of a node, not only within each. */
  makeDispatcher(): Scheduler.SchedulerDispatcher {
    return this
  }

  scheduleTask(task: Task, priority: number): void {
    if (this.abandoned) return
    this.lane(priority).tasks.push(task)
    this.scheduled ??= setImmediate(this.runScheduled)
  }

  /** Runs what is ready, and what that makes ready, until nothing is. */
  flush(): void {
    while (this.lanes.length > 0) this.runBatch()
  }

  /** Drops what is ready and refuses the rest. */
  abandon(): void {
    this.abandoned = true
    this.lanes = []
    if (this.scheduled !== undefined) clearImmediate(this.scheduled)
    this.scheduled = undefined
  }

  private lane(priority: number): Lane {
    const lanes = this.lanes
    let index = lanes.length
    while (index > 0 && lanes[index - 1].priority > priority) index--
    if (index > 0 && lanes[index - 1].priority === priority) return lanes[index - 1]
    const lane: Lane = { priority, tasks: [] }
    lanes.splice(index, 0, lane)
    return lane
  }

  private readonly runScheduled = (): void => {
    this.scheduled = undefined
    this.runBatch()
  }

  private runBatch(): void {
    const lanes = this.lanes
    this.lanes = []
    for (const lane of lanes) {
      for (let index = 0; index < lane.tasks.length && !this.abandoned; index++) {
        try {
          lane.tasks[index]()
        } catch (defect) {
          this.rethrow(defect)
        }
      }
    }
  }

  /** A task that throws is a defect, for the process to die of; it must not silently lose the tasks behind it. */
  private rethrow(defect: unknown): void {
    setImmediate(() => {
      throw defect
    })
  }
}
