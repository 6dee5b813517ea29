/** What a leader makes of a message. */
import * as ConfChange from "./ConfChange.ts"
import * as Configuration from "./Configuration.ts"
import type { Core } from "./Core.ts"
import * as Message from "./Message.ts"
import { entryKinds, kinds } from "./Message.ts"
import { nobody, type NodeId } from "./NodeId.ts"
import { describe, type Progress } from "./Progress.ts"

const noData = new Uint8Array(0)

/** False when a proposal was dropped. */
export const step = (core: Core, message: Message.Message): boolean => {
  switch (message.kind) {
    case kinds.beat:
      if (core.readMode === "lease")
        core.reads.add({ from: undefined, entries: [], index: 0, sentMicros: core.nowMicros })
      core.broadcastHeartbeat(core.reads.last)
      return true
    case kinds.checkQuorum:
      checkQuorum(core)
      return true
    case kinds.propose:
      return propose(core, message)
    case kinds.readIndex:
      readIndex(core, message)
      return true
    case kinds.forgetLeader:
      return true
  }
  const progress = core.tracker.get(message.from)
  if (progress === undefined) {
    core.note("debug", () => `${core.id} no progress available for ${message.from}`)
    return true
  }
  switch (message.kind) {
    case kinds.appended:
      progress.isActive = true
      if (message.isRejected) refused(core, message, progress)
      else appended(core, message, progress)
      return true
    case kinds.heartbeatAnswer:
      heartbeatAnswered(core, message, progress)
      return true
    case kinds.snapshotStatus:
      snapshotEnded(core, message, progress)
      return true
    case kinds.unreachable:
      // An append sent ahead is probably lost.
      if (progress.state === "replicate") progress.becomeProbe()
      core.note(
        "debug",
        () => `${core.id} failed to send message to ${message.from} because it is unreachable [${describe(progress)}]`
      )
      return true
    case kinds.transferLeader:
      transfer(core, message.from, progress)
  }
  return true
}

const checkQuorum = (core: Core): void => {
  if (!core.tracker.isQuorumActive()) {
    core.note("warn", () => `${core.id} stepped down to follower since quorum is not active`)
    core.becomeFollower(core.term, nobody)
  }
  for (const id of core.tracker.ids) if (id !== core.id) core.tracker.get(id)!.isActive = false
}

const propose = (core: Core, message: Message.Message): boolean => {
  // It was removed while it led, or it is handing over.
  if (core.tracker.get(core.id) === undefined) return false
  if (core.transferee !== nobody) {
    core.note(
      "debug",
      () => `${core.id} [term ${core.term}] transfer leadership to ${core.transferee} is in progress; dropping proposal`
    )
    return false
  }
  const proposals = message.entries.map((entry, i) => admitted(core, entry, i))
  if (proposals.includes(undefined)) return false
  if (!core.appendOwn(proposals as ReadonlyArray<Message.Entry>)) return false
  core.broadcastAppend()
  return true
}

/** Why a change may not be proposed now. */
export const problemOf = (core: Core, change: ConfChange.ConfChange): string | undefined => {
  const isJoint = Configuration.isJoint(core.tracker.configuration)
  const leaves = change.changes.length === 0
  return core.pendingConfIndex > core.log.applied
    ? `possible unapplied conf change at index ${core.pendingConfIndex} (applied to ${core.log.applied})`
    : isJoint && !leaves
      ? "must transition out of joint config first"
      : !isJoint && leaves
        ? "not in joint state; refusing empty conf change"
        : undefined
}

/**
 * A change of the configuration that may not go ahead now becomes an empty entry; one that cannot be read is not admitted. At
 * most one change is between the log and the state machine (thesis, section 4.1, with the correction of 2015).
 */
const admitted = (core: Core, entry: Message.Entry, place: number): Message.Entry | undefined => {
  if (!ConfChange.isConfChange(entry.kind)) return entry
  const change = ConfChange.decode(entry.data)
  if (change === undefined) return undefined
  const problem = problemOf(core, change)
  if (problem !== undefined && core.validatesConfChanges) {
    core.note(
      "info",
      () =>
        `${core.id} ignoring conf change ${ConfChange.describe(change)} at config ${Configuration.describe(core.tracker.configuration)}: ${problem}`
    )
    return { ...entry, kind: entryKinds.normal, data: noData }
  }
  core.pendingConfIndex = core.log.lastIndex + place + 1
  return entry
}

const readIndex = (core: Core, message: Message.Message): void => {
  // Before its first commit a leader does not know what is committed (thesis, section 6.4). That goes for the only voter as
  // well, which etcd lets answer at once: after a restart its commit index may be older than what it had answered.
  if (!core.hasCommittedOwn) core.earlyReads.push(message)
  else confirmRead(core, message)
}

const confirmRead = (core: Core, message: Message.Message): void => {
  const index = core.log.committed
  if (core.lease.isHeld(core.nowMicros) || core.tracker.isSingleton()) {
    answerRead(core, message.from, message.entries, index)
    // No heartbeat tells the asker what is committed.
    const progress = core.tracker.get(message.from)
    if (!core.tellsCommits && message.from !== core.id && progress?.wantsCommit(index) === true) {
      core.sendAppend(message.from, true)
    }
    return
  }
  core.reads.add({ from: message.from, entries: message.entries, index, sentMicros: core.nowMicros })
  core.reads.acknowledge(core.id, core.reads.last)
  core.broadcastHeartbeat(core.reads.last)
}

const answerRead = (core: Core, from: NodeId, entries: ReadonlyArray<Message.Entry>, index: number): void => {
  if (from === nobody || from === core.id) core.readStates.push({ index, context: entries[0].data })
  else core.send(Message.make(kinds.readIndexAnswer, from, { index, entries }))
}

/** The follower's log does not match at `message.index`: probes where both logs may, at most once per term. */
const refused = (core: Core, message: Message.Message, progress: Progress): void => {
  const { from, hint, index, logTerm } = message
  core.note(
    "debug",
    () =>
      `${core.id} received MsgAppResp(rejected, hint: (index ${hint}, term ${logTerm})) from ${from} for index ${index}`
  )
  const next = logTerm > 0 ? core.log.guessMatch(hint, logTerm).index : hint
  if (!progress.rejected(index, next)) return
  core.note("debug", () => `${core.id} decreased progress of ${from} to [${describe(progress)}]`)
  if (progress.state === "replicate") progress.becomeProbe()
  core.sendAppend(from, true)
}

const appended = (core: Core, message: Message.Message, progress: Progress): void => {
  const { from, index } = message
  // Also without news an answer ends a probe.
  const isNews = progress.matched(index)
  if (!isNews && !(progress.match === index && progress.state === "probe")) return
  if (progress.state === "probe") progress.becomeReplicate()
  else if (progress.state === "replicate") progress.inflights.freeUpTo(index)
  else if (progress.match + 1 >= core.log.firstIndex) {
    // Whatever brought it there, the log can do the rest.
    core.note(
      "debug",
      () =>
        `${core.id} recovered from needing snapshot, resumed sending replication messages to ${from} [${describe(progress)}]`
    )
    progress.becomeProbe()
    progress.becomeReplicate()
  }
  if (core.commit()) {
    releaseEarlyReads(core)
    if (core.tellsCommits) core.broadcastAppend()
  } else if (core.tellsCommits && from !== core.id && progress.wantsCommit(core.log.committed)) {
    core.sendAppend(from, true)
  }
  if (from !== core.id) while (core.sendAppend(from, false));
  if (from === core.transferee && progress.match === core.log.lastIndex) {
    core.note("info", () => `${core.id} sent MsgTimeoutNow to ${from} after received MsgAppResp`)
    core.send(Message.make(kinds.timeoutNow, from))
  }
}

const releaseEarlyReads = (core: Core): void => {
  const early = core.earlyReads
  if (early.length === 0) return
  core.earlyReads = []
  for (const message of early) confirmRead(core, message)
}

const heartbeatAnswered = (core: Core, message: Message.Message, progress: Progress): void => {
  progress.isActive = true
  progress.isPausedByFlow = false
  if (progress.match < core.log.lastIndex || progress.state === "probe") core.sendAppend(message.from, true)
  if (message.read === 0) return
  core.reads.acknowledge(core.id, core.reads.last)
  core.reads.acknowledge(message.from, message.read)
  for (const { entries, from, index, sentMicros } of core.reads.advance(core.tracker.configuration.voters)) {
    if (core.readMode === "lease") core.lease.confirmed(sentMicros)
    if (from !== undefined) answerRead(core, from, entries, index)
  }
}

const snapshotEnded = (core: Core, message: Message.Message, progress: Progress): void => {
  if (progress.state !== "snapshot") return
  // Of one that failed nothing was applied: probing starts where the follower was.
  if (message.isRejected) progress.pendingSnapshot = 0
  progress.becomeProbe()
  core.note(
    "debug",
    () =>
      `${core.id} snapshot ${message.isRejected ? "failed" : "succeeded"}, resumed sending replication messages to ${message.from} [${describe(progress)}]`
  )
  // Nothing before it answers, or a heartbeat's time has passed.
  progress.isPausedByFlow = true
}

const transfer = (core: Core, to: NodeId, progress: Progress): void => {
  if (progress.isLearner) {
    core.note("debug", () => `${core.id} is learner. Ignored transferring leadership`)
    return
  }
  const before = core.transferee
  if (before !== nobody) {
    if (before === to) {
      core.note(
        "info",
        () =>
          `${core.id} [term ${core.term}] transfer leadership to ${to} is in progress, ignores request to same node ${to}`
      )
      return
    }
    core.transferee = nobody
    core.note("info", () => `${core.id} [term ${core.term}] abort previous transferring leadership to ${before}`)
  }
  if (to === core.id) {
    core.note("debug", () => `${core.id} is already leader. Ignored transferring leadership to self`)
    return
  }
  core.note("info", () => `${core.id} [term ${core.term}] starts to transfer leadership to ${to}`)
  // It has an election time-out to succeed (thesis, section 3.10).
  core.electionElapsed = 0
  core.transferee = to
  core.lease.end(Infinity)
  if (progress.match === core.log.lastIndex) {
    core.send(Message.make(kinds.timeoutNow, to))
    core.note("info", () => `${core.id} sends MsgTimeoutNow to ${to} immediately as ${to} already has up-to-date log`)
  } else core.sendAppend(to, true)
}
