/** What a follower makes of a message; the handling of a leader's messages is the candidates' too. */
import type { Core } from "./Core.ts"
import * as Message from "./Message.ts"
import { kinds } from "./Message.ts"
import { nobody } from "./NodeId.ts"
import { unknownTerm } from "./RaftLog.ts"

/** False when a proposal was dropped. */
export const step = (core: Core, message: Message.Message): boolean => {
  switch (message.kind) {
    case kinds.propose:
      return propose(core, message)
    case kinds.append:
    case kinds.heartbeat:
    case kinds.snapshot:
      core.electionElapsed = 0
      core.lead = message.from
      fromLeader(core, message)
      return true
    case kinds.transferLeader:
    case kinds.readIndex:
      if (core.lead === nobody) {
        const what = message.kind === kinds.readIndex ? "index reading msg" : "leader transfer msg"
        core.note("info", () => `${core.id} no leader at term ${core.term}; dropping ${what}`)
      } else core.send({ ...message, to: core.lead, term: 0 })
      return true
    case kinds.forgetLeader:
      forgetLeader(core)
      return true
    case kinds.timeoutNow:
      core.note(
        "info",
        () =>
          `${core.id} [term ${core.term}] received MsgTimeoutNow from ${message.from} and starts an election to get leadership.`
      )
      core.hup("transfer")
      return true
    case kinds.readIndexAnswer:
      if (message.entries.length === 1) {
        core.readStates.push({ index: message.index, context: message.entries[0].data })
      }
  }
  return true
}

const propose = (core: Core, message: Message.Message): boolean => {
  if (core.lead === nobody) {
    core.note("info", () => `${core.id} no leader at term ${core.term}; dropping proposal`)
    return false
  }
  if (!core.forwardsProposals) {
    core.note("info", () => `${core.id} not forwarding to leader ${core.lead} at term ${core.term}; dropping proposal`)
    return false
  }
  core.send({ ...message, to: core.lead })
  return true
}

const forgetLeader = (core: Core): void => {
  if (core.readMode === "lease") {
    core.note("error", () => "ignoring MsgForgetLeader due to ReadOnlyLeaseBased")
    return
  }
  if (core.lead === nobody) return
  core.note("info", () => `${core.id} forgetting leader ${core.lead} at term ${core.term}`)
  core.lead = nobody
}

/** An append, a heartbeat or a snapshot of the leader of this term. */
export const fromLeader = (core: Core, message: Message.Message): void => {
  if (message.kind === kinds.append) return append(core, message)
  if (message.kind === kinds.snapshot) return snapshot(core, message)
  // What the leader believes to be here may be what was lost.
  if (core.isSilent) return
  core.log.commitTo(message.commit)
  core.send(Message.make(kinds.heartbeatAnswer, message.from, { read: message.read }))
}

const append = (core: Core, message: Message.Message): void => {
  const { commit, entries, from, index, logTerm } = message
  const { log } = core
  // What is committed matches: nothing before it need be looked at again.
  if (index < log.committed) {
    core.send(Message.make(kinds.appended, from, { index: log.committed }))
    return
  }
  const last = log.appendMatching({ term: logTerm, index }, entries, commit)
  if (last !== undefined) {
    core.send(Message.make(kinds.appended, from, { index: last }))
    return
  }
  core.note("debug", () => {
    const own = log.term(index)
    return `${core.id} [logterm: ${own === unknownTerm ? 0 : own}, index: ${index}] rejected MsgApp [logterm: ${logTerm}, index: ${index}] from ${from}`
  })
  // Everything of a higher term than the leader's here cannot match: the hint skips it.
  const hint = log.guessMatch(Math.min(index, log.lastIndex), logTerm)
  core.send(Message.make(kinds.appended, from, { index, isRejected: true, hint: hint.index, logTerm: hint.term }))
}

const snapshot = (core: Core, message: Message.Message): void => {
  const given = message.snapshot
  const isRestored = given !== undefined && core.restore(given)
  const { committed, lastIndex } = core.log
  core.note(
    "info",
    () =>
      `${core.id} [commit: ${committed}] ${isRestored ? "restored" : "ignored"} snapshot [index: ${given?.index ?? 0}, term: ${given?.term ?? 0}]`
  )
  core.send(Message.make(kinds.appended, message.from, { index: isRestored ? lastIndex : committed }))
}
