/** Observer: sees every step of a store's groups; for simulation and debugging, none in production. It must not act. */
import type { ConfState } from "./Configuration.ts"
import type { Entry, Message } from "./Message.ts"
import type { NodeId } from "./NodeId.ts"
import type { Raft } from "./Raft.ts"
import type { GroupId } from "./Replica.ts"
import type { StateMachine } from "./StateMachine.ts"
import type { HardState } from "./Storage.ts"

/** What it may look at. */
export interface Group {
  readonly id: GroupId
  readonly replica: NodeId
  readonly raft: Raft
  readonly machine: StateMachine
}

export interface Observer {
  /** Its life in this host begins: with what its disk has. */
  began(group: Group): void
  /** Its core has taken an input: a message, or a tick, proposals, or that entries are applied. */
  stepped(group: Group, message: Message | undefined): void
  /** Its role, term or leader is another one. */
  role(group: Group): void
  /** Handed to the log, as the write with the next number (from 1). */
  written(group: Group, hard: HardState | undefined, entries: ReadonlyArray<Entry>): void
  /** Entries up to there are committed, as far as it knows; that alone is not written. */
  committed(group: Group, index: number): void
  /** The write with this number is durable. */
  durable(group: Group, number: number): void
  sent(group: Group, message: Message): void
  /** `answer`: what the state machine says of a command. */
  applied(group: Group, entry: Entry, answer: Uint8Array | undefined): void
  configured(group: Group, index: number, configuration: ConfState): void
  /** The state is that of a snapshot. */
  restored(group: Group): void
}
