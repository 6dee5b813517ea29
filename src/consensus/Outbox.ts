/**
 * Outbox: what a store says in one turn: one frame a peer and lane, made as it is said and handed over at the turn's end. A frame that the
 * transport does not take is lost, and the cores of those who spoke are told at once, so that they probe instead of waiting for
 * answers that cannot come.
 */
import * as Limits from "#base/Limits.ts"
import { FrameWriter } from "./Codec.ts"
import type { Envelope } from "./Envelope.ts"
import { kinds, type Kind, type Message } from "./Message.ts"
import type { NodeId } from "./NodeId.ts"
import type { Lane, Port } from "./Peers.ts"
import { storeOf, type GroupId, type StoreId } from "./Replica.ts"

/** What must not wait behind entries: without it a busy leader loses its office. */
const urgent: ReadonlySet<Kind> = new Set<Kind>([
  kinds.vote,
  kinds.voted,
  kinds.preVote,
  kinds.preVoted,
  kinds.heartbeat,
  kinds.heartbeatAnswer,
  kinds.timeoutNow
])

/** Room for one more message of the largest size in a frame that is begun. */
const frameBytesGood = Math.floor(Limits.frameBytesMax / 4)

class Draft {
  readonly writer = new FrameWriter()
  /** Who is to hear when it is lost; not made anew for each frame. */
  readonly groups: Array<GroupId> = []
  readonly members: Array<NodeId> = []
  speakers = 0

  spokenBy(group: GroupId, to: NodeId): void {
    this.groups[this.speakers] = group
    this.members[this.speakers++] = to
  }
}

interface Drafts extends Readonly<Record<Lane, Draft>> {
  /** A frame was taken since `takeSpoken`. */
  hasSpoken: boolean
}

/** By names that stand here: a field of a variable name takes the engine longer than the rest of a turn that says nothing. */
const draftOf = ({ bulk, normal, system }: Drafts, lane: Lane): Draft =>
  lane === "system" ? system : lane === "normal" ? normal : bulk

export class Outbox {
  readonly counts = { messagesSent: 0, framesSent: 0, framesDropped: 0 }
  private readonly port: Port
  private readonly lost: (group: GroupId, to: NodeId) => void
  private readonly drafts = new Map<StoreId, Drafts>()
  /** Drafts with something in them. */
  private begun = 0

  constructor(port: Port, lost: (group: GroupId, to: NodeId) => void) {
    this.port = port
    this.lost = lost
  }

  message(group: GroupId, message: Message, isSystem: boolean): void {
    const lane = isSystem || urgent.has(message.kind) ? "system" : "normal"
    const draft = this.add(storeOf(message.to), lane, { type: "raft", group, message })
    if (message.kind === kinds.append) draft.spokenBy(group, message.to)
  }

  add(to: StoreId, lane: Lane, envelope: Envelope): Draft {
    let drafts = this.drafts.get(to)
    if (drafts === undefined) {
      drafts = { system: new Draft(), normal: new Draft(), bulk: new Draft(), hasSpoken: false }
      this.drafts.set(to, drafts)
    }
    const draft = draftOf(drafts, lane)
    this.counts.messagesSent++
    if (draft.writer.count === 0) this.begun++
    draft.writer.add(envelope)
    if (draft.writer.sizeBytes >= frameBytesGood) this.send(to, lane, drafts)
    return draft
  }

  flush(): void {
    this.port.hold()
    // Many turns say nothing.
    if (this.begun > 0) {
      for (const [to, drafts] of this.drafts) {
        this.send(to, "system", drafts)
        this.send(to, "normal", drafts)
        this.send(to, "bulk", drafts)
      }
    }
    this.port.flush()
  }

  /** Whether anything was said to a store since the last time. */
  takeSpoken(to: StoreId): boolean {
    const drafts = this.drafts.get(to)
    if (drafts === undefined) return false
    const { hasSpoken } = drafts
    drafts.hasSpoken = false
    return hasSpoken
  }

  private send(to: StoreId, lane: Lane, drafts: Drafts): void {
    const draft = draftOf(drafts, lane)
    if (draft.writer.count === 0) return
    this.begun--
    const isTaken = this.port.send(to, lane, draft.writer.take())
    if (isTaken) {
      this.counts.framesSent++
      drafts.hasSpoken = true
    } else {
      this.counts.framesDropped++
      for (let i = 0; i < draft.speakers; i++) this.lost(draft.groups[i], draft.members[i])
    }
    draft.speakers = 0
  }
}
