/**
 * ObservedSteps: an Observed that traces as well what ranges forget, what attempts promise, and what clients are told. Together with what
 * coordinators ask (`ObservedKeyspace`) this is what `models/quint/TwoPhaseCommitTrace.qnt` judges; a run with the option `trace.steps` has it.
 *
 * | event           | when, and what                                                                                               |
 * | --------------- | ------------------------------------------------------------------------------------------------------------ |
 * | `txn/swept`     | a command raised a range's floor: the range's keys, and transactions whose records went                      |
 * | `txn/attempted` | a body begins, at an isolation level                                                                         |
 * | `txn/told`      | what a client is about to be told                                                                            |
 */
import { entryKinds, type Entry } from "#consensus/Message.ts"
import type { Group } from "#consensus/Observer.ts"
import { systemRange } from "#keyspace/Descriptor.ts"
import * as Key from "#keyspace/Key.ts"
import * as RangeCommand from "#keyspace/RangeCommand.ts"
import { RangeMachine } from "#keyspace/RangeMachine.ts"
import * as Batch from "#storage/Batch.ts"
import type { Isolation } from "#txn/Attempt.ts"
import { Observed } from "./Observed.ts"

/** Keys in [from, to). */
export interface Swept {
  readonly from: string
  readonly to: string
  readonly floor: number
  readonly gone: ReadonlyArray<number>
}

const text = new TextDecoder()

const goneBy = (operations: Uint8Array): ReadonlyArray<number> => {
  const gone: Array<number> = []
  Batch.visit(operations, 0, operations.length, {
    put: () => {},
    delete: (bytes, from, to) => {
      const engineKey = bytes.subarray(from, to)
      if (engineKey[0] !== Key.tags.data) return
      const end = Key.endOf(engineKey)
      if (Key.kindAt(engineKey, end) === Key.kinds.record) gone.push(Key.recordOf(engineKey, end))
    },
    deleteRange: () => {}
  })
  return gone
}

const sweptBy = ({ id, machine }: Group, { data, kind }: Entry, answer: Uint8Array | undefined): Swept | undefined => {
  if (id === systemRange || kind !== entryKinds.normal || answer?.[0] !== RangeCommand.answers.done[0]) return undefined
  const command = RangeCommand.decode(data)
  if (command?.type !== "write" || command.floor === 0 || !(machine instanceof RangeMachine)) return undefined
  const { descriptor } = machine
  if (descriptor === undefined) return undefined
  const [from, to] = [descriptor.from, descriptor.to].map((key) => text.decode(key))
  return { from, to, floor: command.floor, gone: goneBy(command.operations) }
}

export class ObservedSteps extends Observed {
  override applied(group: Group, entry: Entry, answer: Uint8Array | undefined): void {
    super.applied(group, entry, answer)
    const swept = sweptBy(group, entry, answer)
    if (swept === undefined) return
    this.trace.emit("debug", "txn/swept", { group: group.id, index: entry.index, swept: JSON.stringify(swept) })
  }

  override attempted(id: number, isolation: Isolation): void {
    this.trace.emit("debug", "txn/attempted", { id, isolation })
  }

  override told(id: number, at: number): void {
    this.trace.emit("debug", "txn/told", { id, at })
  }
}
