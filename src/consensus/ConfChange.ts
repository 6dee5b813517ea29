/**
 * ConfChange: changes of the membership, and what they make of a configuration (Ongaro's thesis, chapter 4). One voter may
 * change at a time directly; more go through a joint configuration, which is left by itself (`auto`, `implicit`) or by an
 * empty change (`explicit`).
 *
 * An entry of kind `confChange` carries one change, one of kind `confChangeV2` a list; empty data is the empty list.
 */
import { Reader, Writer } from "#base/Bytes.ts"
import * as Configuration from "./Configuration.ts"
import { Inflights } from "./Inflights.ts"
import { entryKinds, type EntryKind } from "./Message.ts"
import type { NodeId } from "./NodeId.ts"
import { Progress } from "./Progress.ts"

export const changeKinds = { addVoter: 0, remove: 1, update: 2, addLearner: 3 } as const
export type ChangeKind = (typeof changeKinds)[keyof typeof changeKinds]

export interface Change {
  readonly kind: ChangeKind
  readonly node: NodeId
}

export const transitions = { auto: 0, implicit: 1, explicit: 2 } as const
export type Transition = (typeof transitions)[keyof typeof transitions]

export interface ConfChange {
  readonly transition: Transition
  readonly changes: ReadonlyArray<Change>
  /** Anything of the proposer's. */
  readonly context: Uint8Array
}

export const leaveJoint: ConfChange = { transition: transitions.auto, changes: [], context: new Uint8Array(0) }

/** The entry's data; none at all for the change that leaves a joint configuration. */
export const encode = ({ changes, context, transition }: ConfChange): Uint8Array => {
  if (changes.length === 0 && context.length === 0 && transition === transitions.auto) return new Uint8Array(0)
  const writer = Writer.make().u8(transition).u32(changes.length)
  for (const { kind, node } of changes) writer.u8(kind).f64(node)
  return writer.raw(context).finish()
}

/** Undefined when the bytes are no change. */
export const decode = (data: Uint8Array): ConfChange | undefined => {
  if (data.length === 0) return leaveJoint
  const reader = new Reader(data)
  const transition = reader.u8()
  const changes: Array<Change> = []
  for (let left = reader.u32(); left > 0 && reader.isWhole; left--) {
    changes.push({ kind: reader.u8() as ChangeKind, node: reader.f64() })
  }
  const context = reader.rest()
  const isSound =
    reader.isWhole &&
    transition <= transitions.explicit &&
    changes.every(({ kind, node }) => kind <= changeKinds.addLearner && Number.isSafeInteger(node) && node >= 0)
  return isSound ? { transition: transition as Transition, changes, context } : undefined
}

export const isConfChange = (kind: EntryKind): boolean =>
  kind === entryKinds.confChange || kind === entryKinds.confChangeV2

/** `v1 l2 r3 u4`: add a voter, add a learner, remove, update. */
export const describe = ({ changes }: ConfChange): string =>
  changes.map(({ kind, node }) => `${"vrul"[kind]}${node}`).join(" ")

/** Whether it empties a joint configuration of its outgoing voters. */
export const leavesJoint = ({ changes, transition }: ConfChange): boolean =>
  changes.length === 0 && transition === transitions.auto

const usesJoint = ({ changes, transition }: ConfChange): boolean =>
  transition !== transitions.auto || changes.length > 1

export type Progresses = ReadonlyMap<NodeId, Progress>

export interface Result {
  readonly configuration: Configuration.Configuration
  readonly progresses: Map<NodeId, Progress>
}

/** A change that the configuration does not allow; the reason is for people. */
export interface Refused {
  readonly refused: string
}

export interface Limits {
  readonly inflightMax: number
  readonly inflightBytesMax: number
}

/** A configuration in the making. */
class Draft {
  readonly incoming: Set<NodeId>
  outgoing: Set<NodeId>
  readonly learners: Set<NodeId>
  learnersNext: Set<NodeId>
  autoLeave: boolean
  readonly progresses: Map<NodeId, Progress>
  private readonly lastIndex: number
  private readonly limits: Limits

  constructor(from: Configuration.Configuration, progresses: Progresses, lastIndex: number, limits: Limits) {
    this.incoming = new Set(from.voters.incoming)
    this.outgoing = new Set(from.voters.outgoing)
    this.learners = new Set(from.learners)
    this.learnersNext = new Set(from.learnersNext)
    this.autoLeave = from.autoLeave
    this.progresses = new Map(progresses)
    this.lastIndex = lastIndex
    this.limits = limits
  }

  apply(changes: ReadonlyArray<Change>): string | undefined {
    for (const { kind, node } of changes) {
      if (node === 0 || kind === changeKinds.update) continue
      if (kind === changeKinds.addVoter) this.addVoter(node)
      else if (kind === changeKinds.addLearner) this.addLearner(node)
      else this.remove(node)
    }
    return this.incoming.size === 0 ? "removed all voters" : undefined
  }

  private addVoter(node: NodeId): void {
    this.incoming.add(node)
    this.learners.delete(node)
    this.learnersNext.delete(node)
    const progress = this.progresses.get(node)
    if (progress === undefined) this.begin(node, false)
    else this.setLearner(node, progress, false)
  }

  private addLearner(node: NodeId): void {
    const progress = this.progresses.get(node)
    if (progress === undefined) {
      this.learners.add(node)
      this.begin(node, true)
      return
    }
    if (progress.isLearner) return
    this.remove(node)
    // A voter of the outgoing side becomes a learner when that side is gone.
    if (this.outgoing.has(node)) {
      this.learnersNext.add(node)
      this.progresses.set(node, progress)
    } else {
      this.learners.add(node)
      this.setLearner(node, progress, true)
    }
  }

  private remove(node: NodeId): void {
    if (!this.progresses.has(node)) return
    this.incoming.delete(node)
    this.learners.delete(node)
    this.learnersNext.delete(node)
    if (!this.outgoing.has(node)) this.progresses.delete(node)
  }

  /** A refused draft leaves no trace: what it changes of a progress, it changes of a copy. */
  setLearner(node: NodeId, progress: Progress, isLearner: boolean): void {
    if (progress.isLearner === isLearner) {
      this.progresses.set(node, progress)
      return
    }
    const copy: Progress = Object.assign(Object.create(Progress.prototype) as Progress, progress)
    copy.isLearner = isLearner
    this.progresses.set(node, copy)
  }

  /** The first probe is at the end of the log; a new node counts as active, so that it does not unseat the leader. */
  private begin(node: NodeId, isLearner: boolean): void {
    const { inflightBytesMax, inflightMax } = this.limits
    this.progresses.set(
      node,
      new Progress({
        match: 0,
        next: Math.max(this.lastIndex, 1),
        isLearner,
        isActive: true,
        inflights: new Inflights(inflightMax, inflightBytesMax)
      })
    )
  }

  result(): Result {
    const { autoLeave, incoming, learners, learnersNext, outgoing, progresses } = this
    return { configuration: { voters: { incoming, outgoing }, learners, learnersNext, autoLeave }, progresses }
  }
}

export interface Base {
  readonly configuration: Configuration.Configuration
  readonly progresses: Progresses
  readonly lastIndex: number
  readonly limits: Limits
}

const draft = ({ configuration, lastIndex, limits, progresses }: Base): Draft =>
  new Draft(configuration, progresses, lastIndex, limits)

const enter = (base: Base, changes: ReadonlyArray<Change>, autoLeave: boolean): Result | Refused => {
  if (Configuration.isJoint(base.configuration)) return { refused: "config is already joint" }
  if (base.configuration.voters.incoming.size === 0) return { refused: "can't make a zero-voter config joint" }
  const next = draft(base)
  next.outgoing = new Set(base.configuration.voters.incoming)
  const problem = next.apply(changes)
  next.autoLeave = autoLeave
  return problem === undefined ? next.result() : { refused: problem }
}

const leave = (base: Base): Result | Refused => {
  if (!Configuration.isJoint(base.configuration)) return { refused: "can't leave a non-joint config" }
  const next = draft(base)
  for (const node of next.learnersNext) {
    next.learners.add(node)
    next.setLearner(node, next.progresses.get(node)!, true)
  }
  next.learnersNext = new Set()
  for (const node of next.outgoing) {
    if (!next.incoming.has(node) && !next.learners.has(node)) next.progresses.delete(node)
  }
  next.outgoing = new Set()
  next.autoLeave = false
  return next.result()
}

const simple = (base: Base, changes: ReadonlyArray<Change>): Result | Refused => {
  if (Configuration.isJoint(base.configuration)) return { refused: "can't apply simple config change in joint config" }
  const next = draft(base)
  const problem = next.apply(changes)
  if (problem !== undefined) return { refused: problem }
  const before = base.configuration.voters.incoming
  let changed = 0
  for (const node of next.incoming) if (!before.has(node)) changed++
  for (const node of before) if (!next.incoming.has(node)) changed++
  if (changed > 1) return { refused: "more than one voter changed without entering joint config" }
  return next.result()
}

/** What a committed change makes of a configuration. */
export const apply = (base: Base, change: ConfChange): Result | Refused => {
  if (leavesJoint(change)) return leave(base)
  return usesJoint(change)
    ? enter(base, change.changes, change.transition !== transitions.explicit)
    : simple(base, change.changes)
}

/** The configuration that a snapshot has, built up by changes, so that the same checks hold. */
export const restore = (state: Configuration.ConfState, lastIndex: number, limits: Limits): Result | Refused => {
  const of = (kind: ChangeKind, nodes: ReadonlyArray<NodeId>): ReadonlyArray<Change> =>
    nodes.map((node) => ({ kind, node }))
  const incoming = [
    ...of(changeKinds.remove, state.votersOutgoing),
    ...of(changeKinds.addVoter, state.voters),
    ...of(changeKinds.addLearner, state.learners),
    ...of(changeKinds.addLearner, state.learnersNext)
  ]
  let base: Base = { configuration: Configuration.none, progresses: new Map(), lastIndex, limits }
  const isJoint = state.votersOutgoing.length > 0
  for (const change of isJoint ? of(changeKinds.addVoter, state.votersOutgoing) : incoming) {
    const result = simple(base, [change])
    if ("refused" in result) return result
    base = { ...base, ...result }
  }
  if (isJoint) return enter(base, incoming, state.autoLeave)
  return { configuration: base.configuration, progresses: new Map(base.progresses) }
}
