/**
 * Kernel: the one event queue of a run. Virtual time is an integer of microseconds; it stands still while something
 * happens and jumps to the next event. There is no promise, no microtask and no timer in here: `run` is one synchronous loop.
 *
 * Promises:
 * - Events fire in the order of their time; events of one instant in the order in which they were queued, unless the
 *   policy shuffles them.
 * - An event of an incarnation that is dead never fires; of one that is paused it fires when that one resumes.
 * - What an event throws is a defect of the incarnation that it belongs to, and is handed to `onDefect`.
 *
 * The heap is binary, over parallel typed arrays; events are objects that their owners reuse, so a timer or a delivery
 * allocates nothing in the steady state.
 */
import { AssertionError } from "#base/Assert.ts"
import type { PolicyName } from "./PolicyName.ts"
import { ReadyQueue } from "./ReadyQueue.ts"
import type { Stream, Streams } from "./Stream.ts"
import { TraceHash } from "./TraceHash.ts"

/** One incarnation of a machine: from its start to its crash or end. */
export class Epoch {
  /** The machine's index in the run. */
  readonly machine: number
  readonly incarnation: number
  dead = false
  paused = false
  /** Events that came while it was paused, in order. */
  deferred: Array<Event> = []

  constructor(machine: number, incarnation: number) {
    this.machine = machine
    this.incarnation = incarnation
  }
}

/** Something that happens at an instant. `kind` is a small number of its class, part of the trace hash. */
export abstract class Event {
  abstract readonly kind: number
  /** Whose event it is; undefined: the world's own. */
  epoch: Epoch | undefined
  abstract fire(): void
}

/** An event made of a function, for what is rare. */
export class CallEvent extends Event {
  readonly kind = 1
  private readonly call: () => void

  constructor(epoch: Epoch | undefined, call: () => void) {
    super()
    this.epoch = epoch
    this.call = call
  }

  fire(): void {
    this.call()
  }
}

/** A stretch of a fiber that could run now. */
interface Task {
  readonly epoch: Epoch
  readonly strand: number
  readonly run: () => void
}

/** How many tasks may run without time moving on before the run is called stuck. */
const tasksPerInstantMax = 1_000_000
/** Ties are shuffled among this many places by the policies that shuffle. */
const tiePlaces = 8

export class Kernel {
  /** True time: virtual microseconds from the start of the run. */
  now = 0
  /** Events fired and tasks run. */
  events = 0
  readonly hash = new TraceHash()
  readonly streams: Streams
  readonly ready: ReadyQueue<Task>
  /** What becomes of an exception that an event or a task lets escape. */
  onDefect: (epoch: Epoch | undefined, error: unknown) => void = (_, error) => {
    throw error
  }

  private at = new Float64Array(1_024)
  private order = new Float64Array(1_024)
  private queued: Array<Event> = []
  private size = 0
  /** The first event fires, and its place in the heap is free: what is queued next takes it. */
  private hollow = false
  private counter = 0
  private readonly ties: Stream | undefined
  private strands = 0
  private tasksThisInstant = 0
  private halted = false

  constructor(streams: Streams, policy: PolicyName) {
    this.streams = streams
    this.ready = new ReadyQueue(policy, streams)
    this.ties = policy === "fifo" ? undefined : streams.get("schedule/ties")
  }

  /** A number for a new strand: something that runs tasks one after the other. */
  strand(): number {
    return this.strands++
  }

  /** Makes a task ready to run now, after what runs at present. */
  post(epoch: Epoch, strand: number, run: () => void): void {
    const heldMicros = this.ready.held(strand)
    if (heldMicros === 0) this.ready.push({ epoch, strand, run })
    else this.schedule(new CallEvent(epoch, run), this.now + heldMicros)
  }

  /** Queues an event. It must not be queued already. `at` is rounded up to a whole microsecond. */
  schedule(event: Event, at: number): void {
    const tie = this.ties === undefined ? 0 : this.ties.below(tiePlaces)
    this.insert(event, at < this.now ? this.now : Math.ceil(at), tie * 4294967296 + this.counter++)
  }

  private insert(event: Event, time: number, order: number): void {
    if (this.hollow) {
      this.hollow = false
      this.sink(event, time, order)
      return
    }
    if (this.size === this.at.length) this.grow()
    const { at: times, order: orders, queued } = this
    let i = this.size++
    while (i > 0) {
      const parent = (i - 1) >> 1
      const parentAt = times[parent]
      if (parentAt < time || (parentAt === time && orders[parent] < order)) break
      times[i] = parentAt
      orders[i] = orders[parent]
      queued[i] = queued[parent]
      i = parent
    }
    times[i] = time
    orders[i] = order
    queued[i] = event
  }

  /** Queues a function; for what is rare. */
  call(at: number, call: () => void, epoch?: Epoch): void {
    this.schedule(new CallEvent(epoch, call), at)
  }

  /** Ends `run` after the present event. */
  halt(): void {
    this.halted = true
  }

  /** Fires everything up to and including `until` (virtual microseconds), then sets the time to it, unless halted. */
  run(until: number): void {
    this.halted = false
    for (;;) {
      try {
        if (this.loop(until)) return
      } catch (error) {
        this.onDefect(this.running, error)
      }
    }
  }

  /** On whose behalf the present event runs: its defects are that one's. World events that call into a node set it. */
  running: Epoch | undefined

  private loop(until: number): boolean {
    while (!this.halted) {
      if (!this.ready.isEmpty) {
        this.runTask()
        continue
      }
      if (this.hollow) this.settle()
      if (this.size === 0 || this.at[0] > until) {
        this.now = until
        return true
      }
      const time = this.at[0]
      const event = this.queued[0]
      this.hollow = true
      if (time !== this.now) {
        this.now = time
        this.tasksThisInstant = 0
      }
      const epoch = event.epoch
      this.running = epoch
      if (epoch !== undefined) {
        if (epoch.dead) continue
        if (epoch.paused) {
          epoch.deferred.push(event)
          continue
        }
        // One more than the machine's number: 0 is the world.
        this.hash.fold(time ^ (event.kind << 24) ^ ((epoch.machine + 1) << 16))
      } else {
        this.hash.fold(time ^ (event.kind << 24))
      }
      this.events++
      event.fire()
    }
    return true
  }

  private runTask(): void {
    const task = this.ready.take()
    if (task.epoch.dead) return
    if (task.epoch.paused) {
      task.epoch.deferred.push(new CallEvent(task.epoch, task.run))
      return
    }
    this.running = task.epoch
    if (++this.tasksThisInstant > tasksPerInstantMax) {
      this.tasksThisInstant = 0
      throw new AssertionError(
        `a node makes progress: ${tasksPerInstantMax} tasks ran at ${this.now} µs and time did not move on`
      )
    }
    this.events++
    this.hash.fold(this.now ^ (task.strand << 8) ^ 2)
    task.run()
  }

  /** Nothing took the place of the event that fires: the last one does. */
  private settle(): void {
    this.hollow = false
    const last = --this.size
    // Not by its length: to set that is a call into the engine's runtime, ten times the price.
    const event = this.queued.pop()!
    if (last > 0) this.sink(event, this.at[last], this.order[last])
  }

  /** Puts an event in the place of the first, and down to where it belongs. */
  private sink(event: Event, time: number, order: number): void {
    const { at: times, order: orders, queued, size } = this
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= size) break
      const right = child + 1
      let childAt = times[child]
      if (right < size) {
        const rightAt = times[right]
        if (rightAt < childAt || (rightAt === childAt && orders[right] < orders[child])) {
          child = right
          childAt = rightAt
        }
      }
      if (childAt > time || (childAt === time && orders[child] > order)) break
      times[i] = childAt
      orders[i] = orders[child]
      queued[i] = queued[child]
      i = child
    }
    times[i] = time
    orders[i] = order
    queued[i] = event
  }

  private grow(): void {
    const at = new Float64Array(this.at.length * 2)
    const order = new Float64Array(this.order.length * 2)
    at.set(this.at)
    order.set(this.order)
    this.at = at
    this.order = order
  }

  /** Takes the events of a dead incarnation out of the queue, so that a thousand restarts hold no memory. */
  purge(epoch: Epoch): void {
    if (this.hollow) this.settle()
    const kept: Array<{ readonly at: number; readonly order: number; readonly event: Event }> = []
    for (let i = 0; i < this.size; i++) {
      if (this.queued[i].epoch !== epoch) kept.push({ at: this.at[i], order: this.order[i], event: this.queued[i] })
    }
    kept.sort((left, right) => left.at - right.at || left.order - right.order)
    this.size = kept.length
    this.queued.length = kept.length
    // A sorted array is a heap.
    kept.forEach(({ at, order, event }, i) => {
      this.at[i] = at
      this.order[i] = order
      this.queued[i] = event
    })
    epoch.deferred = []
  }

  /** Lets a paused incarnation go on: what came meanwhile fires now, in order, ties not shuffled. */
  resume(epoch: Epoch): void {
    epoch.paused = false
    const deferred = epoch.deferred
    epoch.deferred = []
    for (const event of deferred) this.insert(event, this.now, this.counter++)
  }
}
