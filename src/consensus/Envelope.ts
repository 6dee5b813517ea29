/**
 * Envelope: everything that stores say to each other: the messages of their groups, and what stands above the groups. `Codec` has
 * the bytes. As with Raft's messages, each may be lost, late, repeated and reordered without harm.
 *
 * | type            | what it says                                                                                          |
 * | --------------- | ----------------------------------------------------------------------------------------------------- |
 * | `raft`          | a message between two replicas; a snapshot's content travels in chunks, and this has only its label   |
 * | `beat`          | the store is alive, in this start of its life: said when nothing else was for a while                 |
 * | `sleep`         | the leader has nothing to do: who has its last entry and commit index need not tick until it is woken |
 * | `chunk`         | a stretch of a snapshot; the label names it                                                           |
 * | `chunk-answer`  | how much of it the receiver has, or that it gave up                                                   |
 * | `gone`          | a leader's word to a replica that is no member any more: it ends itself                               |
 */
import type { ConfState } from "./Configuration.ts"
import type { Message } from "./Message.ts"
import type { NodeId } from "./NodeId.ts"
import type { GroupId } from "./Replica.ts"

export interface RaftEnvelope {
  readonly type: "raft"
  readonly group: GroupId
  readonly message: Message
}

export interface Beat {
  readonly type: "beat"
  /** Of the store's start: another one each time, so that a restart is told from a pause. */
  readonly epoch: number
}

export interface Sleep {
  readonly type: "sleep"
  readonly group: GroupId
  readonly from: NodeId
  readonly to: NodeId
  readonly term: number
  /** The last entry, which is committed. */
  readonly index: number
}

export interface Gone {
  readonly type: "gone"
  readonly group: GroupId
  readonly from: NodeId
  readonly to: NodeId
  readonly term: number
}

export interface Chunk {
  readonly type: "chunk"
  readonly group: GroupId
  readonly from: NodeId
  readonly to: NodeId
  /** The sender's term: of a leader that was replaced, nothing is taken. */
  readonly term: number
  /** The last entry that the snapshot contains. */
  readonly index: number
  readonly indexTerm: number
  readonly configuration: ConfState
  readonly offset: number
  readonly isLast: boolean
  readonly bytes: Uint8Array
}

export interface ChunkAnswer {
  readonly type: "chunk-answer"
  readonly group: GroupId
  readonly from: NodeId
  readonly to: NodeId
  readonly term: number
  readonly index: number
  /** The receiver has everything before it: the next chunk begins there. */
  readonly offset: number
  /** `taken`: go on. `done`: all of it, durably, and restored. `refused`: start again later. */
  readonly outcome: "taken" | "done" | "refused"
}

export type Envelope = RaftEnvelope | Beat | Sleep | Gone | Chunk | ChunkAnswer
