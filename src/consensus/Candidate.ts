/** What a candidate, and one that only asks (pre-candidate), makes of a message. */
import type { Core } from "./Core.ts"
import * as Follower from "./Follower.ts"
import type * as Message from "./Message.ts"
import { kinds } from "./Message.ts"
import { nobody } from "./NodeId.ts"

/** False when a proposal was dropped. */
export const step = (core: Core, message: Message.Message): boolean => {
  switch (message.kind) {
    case kinds.propose:
      core.note("info", () => `${core.id} no leader at term ${core.term}; dropping proposal`)
      return false
    case kinds.append:
    case kinds.heartbeat:
    case kinds.snapshot:
      // Somebody else has won this term.
      core.becomeFollower(message.term, message.from)
      Follower.fromLeader(core, message)
      return true
    case kinds.voted:
      if (core.role === "candidate") counted(core, message)
      return true
    case kinds.preVoted:
      // A yes names the term that was asked for: one that comes late, of an earlier question, is none to this one.
      if (core.role === "pre-candidate" && (message.isRejected || message.term === core.term + 1))
        counted(core, message)
      return true
    case kinds.timeoutNow:
      core.note(
        "debug",
        () => `${core.id} [term ${core.term} state ${core.role}] ignored MsgTimeoutNow from ${message.from}`
      )
  }
  return true
}

const counted = (core: Core, message: Message.Message): void => {
  const name = message.kind === kinds.preVoted ? "MsgPreVoteResp" : "MsgVoteResp"
  core.note(
    "info",
    () =>
      `${core.id} received ${name}${message.isRejected ? " rejection" : ""} from ${message.from} at term ${core.term}`
  )
  const { granted, rejected, result } = core.tracker.vote(message.from, !message.isRejected)
  core.note("info", () => `${core.id} has received ${granted} ${name} votes and ${rejected} vote rejections`)
  if (result === "lost") core.becomeFollower(core.term, nobody)
  else if (result === "won") {
    if (core.role === "pre-candidate") core.campaign("election")
    else {
      core.becomeLeader()
      core.broadcastAppend()
    }
  }
}
