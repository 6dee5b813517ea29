/**
 * DeadlineHeap: alarms ordered by deadline, and among equal deadlines by the order in which they were set. A binary
 * heap in which every alarm knows its place, so that setting, moving and removing one each cost O(log n).
 */

/** Something to be called at a time. Made once and set again and again: no allocation a setting. */
export class Alarm {
  readonly fire: () => void
  deadlineMicros = 0
  order = 0
  /** Index in the heap; -1 when it is not set. Only the heap writes it. */
  place = -1

  constructor(fire: () => void) {
    this.fire = fire
  }
}

const before = (a: Alarm, b: Alarm): boolean =>
  a.deadlineMicros < b.deadlineMicros || (a.deadlineMicros === b.deadlineMicros && a.order < b.order)

export class DeadlineHeap {
  private readonly alarms: Array<Alarm> = []

  get size(): number {
    return this.alarms.length
  }

  /** The alarm that is due first. */
  peek(): Alarm | undefined {
    return this.alarms[0]
  }

  /** Sets or moves an alarm. `order` must grow from call to call. */
  set(alarm: Alarm, deadlineMicros: number, order: number): void {
    if (alarm.place < 0) {
      alarm.place = this.alarms.length
      this.alarms.push(alarm)
    }
    alarm.deadlineMicros = deadlineMicros
    alarm.order = order
    this.up(alarm)
    this.down(alarm)
  }

  /** Takes an alarm out; no effect when it is not in. */
  remove(alarm: Alarm): void {
    if (alarm.place < 0) return
    const last = this.alarms.pop()!
    if (last !== alarm) {
      last.place = alarm.place
      this.alarms[last.place] = last
      this.up(last)
      this.down(last)
    }
    alarm.place = -1
  }

  clear(): void {
    for (const alarm of this.alarms) alarm.place = -1
    this.alarms.length = 0
  }

  private up(alarm: Alarm): void {
    let place = alarm.place
    while (place > 0) {
      const parent = this.alarms[(place - 1) >> 1]
      if (!before(alarm, parent)) break
      this.alarms[place] = parent
      const next = parent.place
      parent.place = place
      place = next
    }
    this.alarms[place] = alarm
    alarm.place = place
  }

  private down(alarm: Alarm): void {
    let place = alarm.place
    for (;;) {
      const left = 2 * place + 1
      if (left >= this.alarms.length) break
      const right = left + 1
      const child =
        right < this.alarms.length && before(this.alarms[right], this.alarms[left])
          ? this.alarms[right]
          : this.alarms[left]
      if (!before(child, alarm)) break
      this.alarms[place] = child
      const next = child.place
      child.place = place
      place = next
    }
    this.alarms[place] = alarm
    alarm.place = place
  }
}
