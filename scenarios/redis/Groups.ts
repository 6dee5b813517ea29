/**
 * Groups: what clients of streams may count on. Ids grow; an entry has one id, and stays; a group hands out each entry once, in order, keeps it pending
 * until it is acknowledged, and never again after that.
 *
 * All rules hold whatever became of operations of which nobody knows; what an acknowledgement named is known from what its client was given before.
 */
import type { Operation as Performed } from "#sim/run/History.ts"
import type { Judge, Violation } from "#sim/run/Judge.ts"
import { distinctMin, type Entry, groups, keys, type Operation, type Value } from "./StreamOperations.ts"

type Done = Performed<Operation, Value>
type Of<Type extends Value["type"]> = Extract<Value, { readonly type: Type }>

interface Told<Type extends Value["type"]> {
  readonly done: Done
  readonly value: Of<Type>
}

/** What went well and answered that. */
const toldOf = <Type extends Value["type"]>(history: ReadonlyArray<Done>, type: Type): ReadonlyArray<Told<Type>> =>
  history.flatMap((done) =>
    done.outcome.type === "ok" && done.outcome.value.type === type
      ? [{ done, value: done.outcome.value as Of<Type> }]
      : []
  )

class Broken {
  readonly done: Done
  readonly detail: string

  constructor(done: Done, detail: string) {
    this.done = done
    this.detail = detail
  }
}

type Finding = Broken | undefined

interface Stretch {
  readonly done: Done
  readonly first: string
  readonly last: string
}

/** Whoever begins when others are done has greater ids than they have. */
const grow = (stretches: ReadonlyArray<Stretch>, what: string): Finding => {
  const ended = [...stretches].sort((left, right) => left.done.completedAt - right.done.completedAt)
  let at = 0
  let last = ""
  for (const { done, first } of [...stretches].sort((left, right) => left.done.invokedAt - right.done.invokedAt)) {
    while (at < ended.length && ended[at].done.completedAt < done.invokedAt) {
      if (ended[at].last > last) ({ last } = ended[at])
      at += 1
    }
    if (first <= last) return new Broken(done, `${what} ${first}, and ${last} had been before it`)
  }
  return undefined
}

const stretchOf = (done: Done, entries: ReadonlyArray<Entry>): ReadonlyArray<Stretch> =>
  entries.length === 0 ? [] : [{ done, first: entries[0].id, last: entries[entries.length - 1].id }]

/** Each value has one id, each id one value, and somebody has added it by then. */
const sameEntries = (stream: ReadonlyArray<Done>): Finding => {
  const adds = new Map<number, Done>()
  for (const done of stream) {
    if (done.operation.type === "add" && done.outcome.type !== "failed") adds.set(done.operation.value, done)
  }
  const ids = new Map<number, string>()
  const values = new Map<string, number>()
  for (const done of stream) {
    const { operation, outcome } = done
    if (outcome.type !== "ok") continue
    const { value: told } = outcome
    const seen: ReadonlyArray<Entry> =
      told.type === "added" && operation.type === "add"
        ? [{ id: told.id, value: operation.value }]
        : told.type === "entries" || told.type === "checked"
          ? told.entries
          : []
    for (const { id, value } of seen) {
      if (value < distinctMin) continue
      const add = adds.get(value)
      if (add === undefined || add.invokedAt > done.completedAt) return new Broken(done, `nobody has added ${value}`)
      if ((ids.get(value) ?? id) !== id) return new Broken(done, `${value} has two ids, ${ids.get(value)} and ${id}`)
      if ((values.get(id) ?? value) !== value) return new Broken(done, `${id} has two values`)
      ids.set(value, id)
      values.set(id, value)
    }
  }
  return undefined
}

/** What was added is there, whenever somebody looks. */
const nothingLost = (stream: ReadonlyArray<Done>): Finding => {
  const adds = toldOf(stream, "added")
  for (const { done, value } of toldOf(stream, "checked")) {
    const there = new Set(value.entries.map(({ id }) => id))
    const missing = adds.find((add) => add.done.completedAt < done.invokedAt && !there.has(add.value.id))
    if (missing !== undefined) return new Broken(done, `${missing.value.id} was added and is not there`)
  }
  return undefined
}

interface Acknowledgement {
  readonly done: Done
  readonly ids: ReadonlyArray<string>
}

/** With what each named: what its client was given last before it. */
const acknowledgements = (group: ReadonlyArray<Done>): ReadonlyArray<Acknowledgement> => {
  const given = new Map<number, ReadonlyArray<string>>()
  const found: Array<Acknowledgement> = []
  for (const done of group) {
    const { client, operation, outcome } = done
    if (operation.type === "acknowledge" && outcome.type !== "failed") {
      found.push({ done, ids: given.get(client) ?? [] })
    }
    const isGiven = outcome.type === "ok" && outcome.value.type === "entries" && outcome.value.entries.length > 0
    if (isGiven)
      given.set(
        client,
        (outcome.value as Of<"entries">).entries.map(({ id }) => id)
      )
  }
  return found
}

const handedOutOnce = (group: ReadonlyArray<Done>): Finding => {
  const reads = toldOf(group, "entries").filter(({ done }) => done.operation.type === "read")
  const seen = new Set<string>()
  for (const { done, value } of reads) {
    for (const { id } of value.entries) {
      if (seen.has(id)) return new Broken(done, `${id} was handed out twice`)
      seen.add(id)
    }
  }
  return grow(
    reads.flatMap(({ done, value }) => stretchOf(done, value.entries)),
    "it was handed"
  )
}

const pendingUntilAcknowledged = (group: ReadonlyArray<Done>): Finding => {
  const acks = acknowledgements(group)
  const isGone = (id: string, at: Done): boolean =>
    acks.some(({ done, ids }) => done.outcome.type === "ok" && done.completedAt < at.invokedAt && ids.includes(id))
  const mayBeGone = (id: string, at: Done): boolean =>
    acks.some(({ done, ids }) => done !== at && done.invokedAt < at.completedAt && ids.includes(id))
  for (const { done, ids } of acks) {
    if (done.outcome.type !== "ok" || done.outcome.value.type !== "acknowledged") continue
    const { count } = done.outcome.value
    const countMin = ids.filter((id) => !mayBeGone(id, done)).length
    const countMax = ids.filter((id) => !isGone(id, done)).length
    if (count < countMin) return new Broken(done, `${count} were pending, of ${countMin} that nobody had acknowledged`)
    if (count > countMax)
      return new Broken(done, `${count} were acknowledged once more, where ${countMax} were pending`)
  }
  const reads = toldOf(group, "entries")
  for (const { done, value } of reads) {
    const again = value.entries.find(({ id }) => isGone(id, done))
    if (again !== undefined) return new Broken(done, `${again.id} came back after it was acknowledged`)
  }
  for (const { done, value } of toldOf(group, "checked")) {
    const pending = new Set(value.pending)
    const again = value.pending.find((id) => isGone(id, done))
    if (again !== undefined) return new Broken(done, `${again} is pending after it was acknowledged`)
    let last = ""
    for (const read of reads) {
      if (read.done.completedAt < done.invokedAt) for (const { id } of read.value.entries) if (id > last) last = id
    }
    const forgotten = value.entries.find(({ id }) => id <= last && !pending.has(id) && !mayBeGone(id, done))
    if (forgotten !== undefined)
      return new Broken(done, `${forgotten.id} is not pending, and nobody has acknowledged it`)
  }
  return undefined
}

const look = (history: ReadonlyArray<Done>): Finding => {
  const [gone] = toldOf(history, "no group")
  if (gone !== undefined) return new Broken(gone.done, "a group that was there is gone")
  for (const key of keys) {
    const stream = history.filter(({ operation }) => "key" in operation && operation.key === key)
    const added = toldOf(stream, "added").map(({ done, value }) => ({ done, first: value.id, last: value.id }))
    const found = grow(added, "it was given") ?? sameEntries(stream) ?? nothingLost(stream)
    if (found !== undefined) return found
    for (const name of groups) {
      const group = stream.filter(({ operation }) => "group" in operation && operation.group === name)
      const inGroup = handedOutOnce(group) ?? pendingUntilAcknowledged(group)
      if (inGroup !== undefined) return inGroup
    }
  }
  return undefined
}

const violation = ({ detail, done }: Broken, nodes: number): Violation => ({
  detail,
  atMicros: done.completedAt,
  node: nodes + done.client
})

export const groupsHold: Judge<Operation, Value> = {
  name: "groups",
  make: ({ nodes }) => ({
    finish: (history) => {
      const found = look(history)
      return found === undefined ? "pass" : violation(found, nodes)
    }
  })
}
