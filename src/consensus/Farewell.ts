/**
 * Farewell: when a replica that was removed, and has not been told, may hear it and end. A replica that applies its own removal waits for this word as
 * well: until a quorum of those who stay knows that the change is committed, they may need the vote of who was removed (raft/membership, seed 7026:
 * it ended itself, and the others were stuck in the joint configuration).
 *
 * And they have to know it for good. A commit index is worth no sync, so a crash takes it back, and who has only the change in its log needs the
 * vote of one that is no more, for ever (locks/fencing, seed 5200517). An entry that is appended when its leader knows what is committed takes that
 * to the disks along with it: so the leader appends an empty one when somebody is to be told, and tells once that is committed.
 */
import type { Group } from "./Group.ts"
import type * as Message from "./Message.ts"
import { kinds } from "./Message.ts"

/** By these a replica shows that it does not know. */
const questions: ReadonlySet<Message.Kind> = new Set([kinds.preVote, kinds.vote, kinds.heartbeatAnswer])

export class Farewell {
  /** By group: the entry that was appended for it. */
  private readonly witnesses = new WeakMap<Group, { readonly term: number; readonly index: number }>()

  /** Whether who says this is to be told that it was removed. A later question of the same replica may be answered otherwise. */
  isDue(group: Group, { from, kind }: Message.Message): boolean {
    const { core } = group.raft
    const { log, pendingConfIndex, role, term, tracker } = core
    if (role !== "leader" || !questions.has(kind) || tracker.ids.includes(from)) return false
    if (!core.hasCommittedOwn || log.applied < pendingConfIndex) return false
    const witness = this.witnesses.get(group)
    if (witness?.term === term && witness.index > pendingConfIndex) return log.committed >= witness.index
    const index = group.attest()
    if (index > 0) this.witnesses.set(group, { term, index })
    return false
  }
}
