/**
 * SnapshotTraffic: the snapshots that a store sends and receives: a few at a time, within so many bytes a tick, so that they take little
 * from what the groups say to each other.
 */
import type { StorageError } from "#storage/StorageError.ts"
import type { Chunk, ChunkAnswer, Envelope } from "./Envelope.ts"
import type { Group } from "./Group.ts"
import type { Message } from "./Message.ts"
import { storeOf, type StoreId } from "./Replica.ts"
import { SnapshotReceiver } from "./SnapshotReceiver.ts"
import { SnapshotSender, type SenderOptions } from "./SnapshotSender.ts"

export interface SnapshotOptions extends SenderOptions {
  /** Sent at a time; more are refused, and their cores ask again. */
  readonly sendersMax: number
  readonly bytesPerTick: number
}

export class SnapshotTraffic {
  sent = 0
  private readonly options: SnapshotOptions
  private readonly host: {
    send(to: StoreId, envelope: Envelope): void
    failed(error: StorageError): void
    /** A state could not be read. */
    unread(error: StorageError): void
    tick(): number
    flush(): void
  }
  private senders: Array<{ readonly group: Group; readonly sender: SnapshotSender }> = []
  private readonly receivers = new Map<Group, SnapshotReceiver>()
  private budgetBytes: number

  constructor(options: SnapshotOptions, host: SnapshotTraffic["host"]) {
    this.options = options
    this.host = host
    this.budgetBytes = options.bytesPerTick
  }

  /** The core wants a follower to have a snapshot: `message` is its label. */
  start(group: Group, { term, to }: Message): void {
    if (this.senders.length >= this.options.sendersMax) return group.raft.reportSnapshot(to, "failed")
    for (const { group: other, sender } of this.senders) if (other === group && sender.to === to) sender.end("failed")
    const sender = new SnapshotSender({
      group: group.id,
      from: group.replica,
      to,
      term,
      snapshot: group.machine.snapshot(),
      tick: this.host.tick(),
      options: this.options,
      send: (chunk) => {
        this.host.send(storeOf(to), chunk)
        this.host.flush()
      },
      mayRead: (sizeBytes) => {
        if (this.budgetBytes <= 0) return false
        this.budgetBytes -= sizeBytes
        return true
      },
      ended: (outcome) => {
        this.senders = this.senders.filter((each) => each.sender !== sender)
        if (outcome === "finished") this.sent++
        if (group.isClosed) return
        group.raft.reportSnapshot(to, outcome)
        group.wake()
      },
      unread: (error) => this.host.unread(error)
    })
    this.senders.push({ group, sender })
    sender.advance()
  }

  answer(group: Group, answer: ChunkAnswer): void {
    for (const { group: other, sender } of [...this.senders]) {
      if (other === group && sender.to === answer.from) sender.answered(answer, this.host.tick())
    }
  }

  chunk(group: Group, chunk: Chunk): void {
    const { from, index, term, to } = chunk
    const tell = (outcome: ChunkAnswer["outcome"]): void => {
      this.host.send(storeOf(from), {
        type: "chunk-answer",
        group: chunk.group,
        from: to,
        to: from,
        term,
        index,
        offset: 0,
        outcome
      })
      this.host.flush()
    }
    if (term < group.raft.core.term) return tell("refused")
    if (index <= group.machine.applied.index) return tell("done")
    let receiver = this.receivers.get(group)
    if (receiver !== undefined && !receiver.isOf(chunk)) {
      // One at a time; the one that is being put in place goes first.
      if (receiver.isOver || chunk.offset > 0) return
      this.drop(group)
      receiver = undefined
    }
    if (receiver === undefined) {
      if (chunk.offset > 0) return tell("taken")
      receiver = this.receive(group, chunk)
    }
    receiver.take(chunk, this.host.tick())
  }

  private receive(group: Group, first: Chunk): SnapshotReceiver {
    const { configuration, index, indexTerm } = first
    const restore = group.machine.restore({ index, term: indexTerm, configuration })
    const receiver = new SnapshotReceiver(first, restore, this.host.tick(), {
      answer: (answer) => {
        if (answer.outcome !== "taken") this.receivers.delete(group)
        this.host.send(storeOf(answer.to), answer)
        this.host.flush()
      },
      complete: (message, content, ended) => {
        if (group.isClosed) content.abandon()
        else group.receiveSnapshot(message, content, ended)
      },
      failed: (error) => {
        if (error._tag !== "Refused") this.host.failed(error)
      }
    })
    this.receivers.set(group, receiver)
    return receiver
  }

  tick(): void {
    this.budgetBytes = Math.min(this.options.bytesPerTick, this.budgetBytes + this.options.bytesPerTick)
    const tick = this.host.tick()
    for (const { sender } of [...this.senders]) sender.tick(tick)
    for (const [group, receiver] of this.receivers) {
      if (!receiver.isOver && tick - receiver.heardTick > this.options.patienceTicks) this.drop(group)
    }
  }

  private drop(group: Group): void {
    this.receivers.get(group)?.abandon()
    this.receivers.delete(group)
  }

  /** The group is no more. */
  end(group: Group): void {
    for (const { group: other, sender } of [...this.senders]) if (other === group) sender.end("failed")
    this.drop(group)
  }
}
