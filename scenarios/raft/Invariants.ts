/**
 * Invariants: what Raft promises inside, judged at every event of the trace that `Observed` makes, long before a client can tell
 * (Raft, figure 3; Ongaro's thesis, section 3.4 and chapter 4):
 *
 * 1. Election safety: a term has one leader at most, and a quorum of its voters has voted for it; learners never count.
 * 2. One vote a term and replica, over crashes too; it is durable before it leaves, and so is what an append's answer acknowledges.
 * 3. Log matching: entries of one index and term are the same in all logs, and so is all before them.
 * 4. Leader completeness: who leads a later term has every entry that was applied anywhere.
 * 5. State-machine safety: at one index, one entry is applied by all, in order, and once; states are the same after it.
 * 6. An entry is durable on a quorum before anybody applies it (and so before anybody is answered).
 * 7. Terms never fall; commits do not while a store lives; nothing is applied that is not committed.
 * 8. One change of the members at a time: a leader appends the next when the one before is applied.
 * 9. A read sees every entry that was applied anywhere when it was asked (thesis, section 6.4).
 * 10. A start finds what was durable, and of what was on its way a beginning. Not where disks rot.
 * 11. Nobody begins a term but who a quorum said it would elect, or whose leader handed over: who comes back unseats nobody (thesis,
 *     section 9.6).
 * 12. A leader that no quorum has answered for an election time-out leads no more (thesis, section 6.2).
 * 13. A leader commits entries of its own term, and earlier ones only behind them (Raft, section 5.4.2), or learned of them before it led.
 * 14. What a replica acknowledged stays in its log while the term lasts.
 * 15. While a leader may read by its lease nobody leads a later term (thesis, section 6.4.1).
 *
 * `check` is a plain function over the events, so that each of these is tested on sequences made by hand.
 */
import { driftPpmMax } from "#sim/faults/Fault.ts"
import type { Judge, Observed, Violation } from "#sim/run/Judge.ts"
import type { Fields, FieldValue } from "#world/Trace.ts"
import { LogView, ReplicaView, type LogEntry, type Members } from "./ReplicaView.ts"

type Text = FieldValue | undefined

const numbersOf = (text: Text): ReadonlyArray<number> =>
  text === "" || text === undefined ? [] : String(text).split(" ").map(Number)

const codes = { space: 32, dot: 46, zero: 48, change: 99 } as const

/** Digit by digit: a log has an entry for each operation and replica, and splitting text makes four more pieces of each. */
const entriesOf = (field: Text): ReadonlyArray<LogEntry> => {
  if (field === "" || field === undefined) return noEntries
  const text = String(field)
  const { length } = text
  const entries: Array<LogEntry> = []
  let term = 0
  let crc = 0
  let isCrc = false
  let isChange = false
  for (let at = 0; at <= length; at++) {
    const code = at === length ? codes.space : text.charCodeAt(at)
    if (code === codes.space) {
      entries.push({ term, crc, isChange })
      term = 0
      crc = 0
      isCrc = false
      isChange = false
    } else if (code === codes.dot) isCrc = true
    else if (code === codes.change || isChange) isChange = true
    else if (isCrc) crc = crc * 10 + code - codes.zero
    else term = term * 10 + code - codes.zero
  }
  return entries
}

const noEntries: ReadonlyArray<LogEntry> = []

const membersOf = (fields: Fields): Members => ({
  voters: numbersOf(fields["voters"]),
  outgoing: numbersOf(fields["outgoing"]),
  learners: numbersOf(fields["learners"])
})

const isMajority = (voters: ReadonlyArray<number>, agrees: (replica: number) => boolean): boolean => {
  let count = 0
  for (const voter of voters) if (agrees(voter)) count++
  return voters.length === 0 || count > voters.length / 2
}

const isQuorum = ({ outgoing, voters }: Members, agrees: (replica: number) => boolean): boolean =>
  isMajority(voters, agrees) && isMajority(outgoing, agrees)

interface Known {
  readonly term: number
  readonly crc: number
  readonly before: number | undefined
}

interface Applied {
  readonly term: number
  readonly crc: number
  readonly digest: number
  readonly by: number
}

export interface Options {
  /** Disks lose what was durable: a start need not find it. */
  readonly rots?: boolean
  /** A leader's clock may be so much too fast, in parts per million. Default: 0. */
  readonly driftPpmMax?: number
}

class GroupView {
  private readonly options: Options
  private readonly replicas = new Map<number, ReplicaView>()
  private readonly leaders = new Map<number, number>()
  /** By term: who voted for whom. */
  private readonly votes = new Map<number, Map<number, number>>()
  /** By term: who would vote for whom, and whom a leader told to begin it. */
  private readonly preVotes = new Map<number, Map<number, Set<number>>>()
  private readonly handedOver = new Map<number, Set<number>>()
  /** By index, of each term: what is there, and the term of the entry before it. Seldom more than one. */
  private readonly entries = new Map<number, Array<Known>>()
  private readonly applied = new Map<number, Applied>()
  private appliedMax = 0
  /** Members from an index on, rising. */
  private readonly history: Array<{ readonly index: number; readonly members: Members }> = []

  constructor(options: Options) {
    this.options = options
  }

  check(name: string, fields: Fields, atMicros: number): string | undefined {
    const id = Number(fields["replica"])
    if (name === "raft/began") return this.began(id, fields)
    const replica = this.replicas.get(id)
    if (replica === undefined) return undefined
    switch (name) {
      case "raft/role":
        return this.turned(replica, String(fields["role"]), Number(fields["term"]), atMicros)
      case "raft/pre-voted":
        return this.wouldVote(id, Number(fields["to"]), Number(fields["term"]))
      case "raft/handed-over":
        return this.handsOver(Number(fields["to"]), Number(fields["term"]))
      case "raft/reigned":
        return this.reigns(replica, numbersOf(fields["heard"]))
      case "raft/lease":
        return this.leases(replica, Number(fields["micros"]), atMicros)
      case "raft/written":
        return this.written(replica, fields)
      case "raft/committed":
        return this.commits(replica, Number(fields["index"]), Number(fields["before"] ?? 0))
      case "raft/durable":
        replica.reach(Number(fields["number"]))
        return this.votesFor(id, replica.durableHard.term, replica.durableHard.vote)
      case "raft/voted":
        return this.voted(replica, Number(fields["to"]), Number(fields["term"]))
      case "raft/appended":
        return this.appended(replica, Number(fields["term"]), Number(fields["index"]))
      case "raft/applied":
        return this.applies(replica, fields)
      case "raft/asked":
        replica.asked.set(Number(fields["read"]), this.appliedMax)
        return undefined
      case "raft/read":
        return this.reads(replica, Number(fields["read"]), Number(fields["index"]))
      case "raft/members":
        return this.configured(replica, Number(fields["index"]), membersOf(fields))
      case "raft/restored":
        return this.restored(replica, fields)
      default:
        return undefined
    }
  }

  private began(id: number, fields: Fields): string | undefined {
    const hard = { term: Number(fields["term"]), vote: Number(fields["vote"]), commit: Number(fields["commit"]) }
    const before = Number(fields["before"])
    const log = new LogView(before, Number(fields["beforeTerm"]), entriesOf(fields["entries"]))
    const members = membersOf(fields)
    const found = new ReplicaView(id, { hard, log, applied: Number(fields["applied"]), members })
    const known = this.replicas.get(id)
    this.replicas.set(id, found)
    if (this.history.length === 0 && members.voters.length > 0) this.history.push({ index: before, members })
    if (known !== undefined && this.options.rots !== true) {
      const verdict = known.mayFind(found)
      if (verdict !== "yes" && !(verdict === "another log" && this.isSnapshot(found, known))) {
        return `replica ${id} found ${verdict} than it had made durable: term ${hard.term}, vote ${hard.vote}, last entry ${log.last}; durable were ${known.durableHard.term}, ${known.durableHard.vote}, ${known.durableLog.last}`
      }
    }
    return this.matches(found, before + 1) ?? this.votesFor(id, hard.term, hard.vote)
  }

  /** A state that was put in place, and the log had not heard of it when the node ended: the state says where the log begins. */
  private isSnapshot({ applied, log }: ReplicaView, known: ReplicaView): boolean {
    // Behind what the log had, or in place of another entry there, and so of all that followed.
    const isOther = log.before > known.durableLog.before && known.durableLog.term(log.before) !== log.beforeTerm
    const isAhead = log.entries.length === 0 && log.before === applied && isOther
    return isAhead && this.applied.get(applied)?.term === log.beforeTerm
  }

  private turned(replica: ReplicaView, role: string, term: number, atMicros: number): string | undefined {
    replica.role = role
    replica.term = term
    replica.hasNewMembers = false
    if (role !== "leader") replica.leaseUntilMicros = -Infinity
    if (role === "candidate") return this.campaigns(replica, term)
    return role === "leader" ? (this.leads(replica, term) ?? this.unseats(replica, term, atMicros)) : undefined
  }

  private wouldVote(voter: number, candidate: number, term: number): undefined {
    const votes = this.preVotes.get(term) ?? new Map<number, Set<number>>()
    this.preVotes.set(term, votes)
    votes.set(voter, (votes.get(voter) ?? new Set()).add(candidate))
  }

  /** The term that comes next is begun by the successor. */
  private handsOver(to: number, term: number): undefined {
    this.handedOver.set(term + 1, (this.handedOver.get(term + 1) ?? new Set()).add(to))
  }

  private campaigns({ id, members }: ReplicaView, term: number): string | undefined {
    if (this.handedOver.get(term)?.has(id) === true) return undefined
    const votes = this.preVotes.get(term)
    const isFor = (voter: number): boolean => voter === id || votes?.get(voter)?.has(id) === true
    return isQuorum(members, isFor)
      ? undefined
      : `terms begin with a quorum: replica ${id} campaigns in term ${term}, and only ${members.voters.filter(isFor).join(", ")} among voters ${members.voters.join(", ")} would elect it`
  }

  private reigns(replica: ReplicaView, heard: ReadonlyArray<number>): string | undefined {
    const { hasNewMembers, id, members, term } = replica
    replica.hasNewMembers = false
    // New members count as if they had answered.
    if (hasNewMembers || isQuorum(members, (voter) => voter === id || heard.includes(voter))) return undefined
    return `leaders are heard: replica ${id} leads term ${term} on, and of voters ${members.voters.join(", ")} only ${heard.join(", ") || "none"} answered it for an election time-out`
  }

  private leases(replica: ReplicaView, micros: number, atMicros: number): string | undefined {
    const drift = (this.options.driftPpmMax ?? 0) / 1_000_000
    replica.leaseUntilMicros = micros === 0 ? -Infinity : atMicros + micros * (1 - drift)
    const later = micros === 0 ? undefined : [...this.leaders].find(([term]) => term > replica.term)
    return later === undefined
      ? undefined
      : `leases are alone: replica ${replica.id} of term ${replica.term} may read by its lease for ${micros} µs more, and replica ${later[1]} leads term ${later[0]}`
  }

  private unseats({ id }: ReplicaView, term: number, atMicros: number): string | undefined {
    for (const other of this.replicas.values()) {
      if (other.id === id || other.term >= term || other.leaseUntilMicros <= atMicros) continue
      return `leases are alone: replica ${id} leads term ${term}, and replica ${other.id} of term ${other.term} may read by its lease for ${Math.round(other.leaseUntilMicros - atMicros)} µs more`
    }
    return undefined
  }

  private leads(replica: ReplicaView, term: number): string | undefined {
    const { id } = replica
    const other = this.leaders.get(term)
    if (other !== undefined && other !== id)
      return `election safety: replicas ${other} and ${id} both lead term ${term}`
    this.leaders.set(term, id)
    const votes = this.votes.get(term)
    if (!isQuorum(replica.members, (voter) => votes?.get(voter) === id)) {
      const from = [...(votes ?? [])].filter(([, to]) => to === id).map(([voter]) => voter)
      return `election safety: replica ${id} leads term ${term} with the votes of ${from.join(", ") || "nobody"} among voters ${replica.members.voters.join(", ")}`
    }
    const last = this.applied.get(this.appliedMax)
    if (last === undefined || replica.log.before >= this.appliedMax) return undefined
    // Whose votes came so late that another one leads a later term need not have what was committed there.
    for (const later of this.leaders.keys()) if (later > term) return undefined
    const own = replica.log.term(this.appliedMax)
    return own === last.term
      ? undefined
      : `leader completeness: replica ${id} leads term ${term} without entry ${this.appliedMax} of term ${last.term}, which replica ${last.by} has applied`
  }

  private votesFor(voter: number, term: number, candidate: number): string | undefined {
    if (candidate === 0) return undefined
    const votes = this.votes.get(term) ?? new Map<number, number>()
    const before = votes.get(voter)
    if (before === candidate) return undefined
    this.votes.set(term, votes)
    votes.set(voter, candidate)
    return before === undefined
      ? undefined
      : `one vote a term: replica ${voter} voted for ${before} and for ${candidate} in term ${term}`
  }

  private voted(replica: ReplicaView, to: number, term: number): string | undefined {
    const { durableHard: hard, id } = replica
    const isDurable = hard.term > term || (hard.term === term && hard.vote === to)
    if (!isDurable) {
      return `durable before sent: replica ${id} votes for ${to} in term ${term}, and its disk has a vote for ${hard.vote} in term ${hard.term}`
    }
    return this.votesFor(id, term, to)
  }

  private appended(replica: ReplicaView, term: number, index: number): string | undefined {
    const { acknowledged: before, durableHard: hard, durableLog, id } = replica
    if (term > before.term || (term === before.term && index > before.index)) replica.acknowledged = { term, index }
    if (durableLog.last >= index && hard.term >= term) return this.keeps(replica)
    return `durable before sent: replica ${id} acknowledges entries up to ${index} in term ${term}, and its disk has ${durableLog.last} in term ${hard.term}`
  }

  private written(replica: ReplicaView, fields: Fields): string | undefined {
    const { hard: before, id } = replica
    const hard =
      fields["term"] === undefined
        ? undefined
        : { term: Number(fields["term"]), vote: Number(fields["vote"]), commit: Number(fields["commit"]) }
    const entries = entriesOf(fields["entries"])
    const from = Number(fields["from"] ?? 0)
    if (entries.length > 0 && from > replica.log.last + 1 && from !== replica.applied + 1) {
      return `log matching: replica ${id} appends entry ${from} behind ${replica.log.last}`
    }
    if (entries.length > 0 && from <= replica.applied) {
      return `state-machine safety: replica ${id} replaces entry ${from}, and has applied up to ${replica.applied}`
    }
    const changes = this.changes(replica, hard?.term ?? before.term, from, entries)
    replica.write({ hard, from, entries, snapshot: undefined })
    const lost = changes ?? this.keeps(replica)
    if (lost !== undefined) return lost
    if (hard !== undefined && hard.term < before.term)
      return `terms never fall: replica ${id} writes ${hard.term} after ${before.term}`
    if (hard !== undefined && hard.commit < before.commit)
      return `commits never fall: replica ${id} writes ${hard.commit} after ${before.commit}`
    return entries.length === 0 ? undefined : this.matches(replica, from)
  }

  private keeps({ acknowledged, hard, id, log }: ReplicaView): string | undefined {
    const { index, term } = acknowledged
    return hard.term !== term || log.last >= index
      ? undefined
      : `acknowledged entries stay: replica ${id} acknowledged ${index} in term ${term}, and has only ${log.last} in the same term`
  }

  private commits(replica: ReplicaView, commit: number, learned: number): string | undefined {
    const { hard, id, log, role, term } = replica
    replica.hard = { ...hard, commit }
    if (commit < hard.commit) return `commits never fall: replica ${id} has ${commit} after ${hard.commit}`
    const own = log.term(commit)
    return role !== "leader" || commit === hard.commit || commit <= learned || own === undefined || own === term
      ? undefined
      : `leaders commit their own: replica ${id} leads term ${term} and commits entry ${commit} of term ${own} by itself`
  }

  /** A leader's own changes of the members. */
  private changes(
    replica: ReplicaView,
    term: number,
    from: number,
    entries: ReadonlyArray<LogEntry>
  ): string | undefined {
    const at = entries.findIndex(({ isChange }) => isChange)
    // What it proposed in a term that is over may come back to it from others.
    const isOwn = at >= 0 && this.leaders.get(term) === replica.id && entries[at].term === term
    if (!isOwn) return undefined
    const ahead: Array<number> = []
    for (let index = replica.applied + 1; index < from; index++) {
      if (replica.log.at(index)?.isChange === true) ahead.push(index)
    }
    const more = entries.findLastIndex(({ isChange }) => isChange)
    if (more > at) ahead.push(from + at)
    return ahead.length === 0
      ? undefined
      : `one change at a time: leader ${replica.id} appends a change at ${from + more} while that at ${ahead[0]} is not applied`
  }

  /** What is from an index on in a log, against all other logs. */
  private matches(replica: ReplicaView, from: number): string | undefined {
    const { id, log } = replica
    for (let index = Math.max(from, log.before + 1); index <= log.last; index++) {
      const { crc, term } = log.at(index)!
      const before = log.term(index - 1)
      const known = this.entries.get(index)
      const other = known?.find((each) => each.term === term)
      if (known === undefined) this.entries.set(index, [{ term, crc, before }])
      else if (other === undefined) known.push({ term, crc, before })
      else if (other.crc !== crc || (other.before ?? before) !== before) {
        return `log matching: replica ${id} has another entry ${index} of term ${term} than another one has, or another before it`
      }
    }
    return undefined
  }

  private applies(replica: ReplicaView, fields: Fields): string | undefined {
    const index = Number(fields["index"])
    const term = Number(fields["term"])
    const crc = Number(fields["crc"])
    const digest = Number(fields["digest"])
    const { id } = replica
    if (index !== replica.applied + 1)
      return `state-machine safety: replica ${id} applies ${index} after ${replica.applied}`
    replica.applied = index
    if (index > replica.hard.commit)
      return `replica ${id} applies ${index}, and has only ${replica.hard.commit} committed`
    const known = this.applied.get(index)
    if (known !== undefined) {
      if (known.term !== term || known.crc !== crc)
        return `state-machine safety: replica ${id} applies another entry ${index} (of term ${term}) than replica ${known.by} (of term ${known.term})`
      return this.sameState(id, index, digest, known)
    }
    this.applied.set(index, { term, crc, digest, by: id })
    this.appliedMax = Math.max(this.appliedMax, index)
    const isDurable = (voter: number): boolean => {
      const log = this.replicas.get(voter)?.durableLog
      return log !== undefined && (log.term(index) === term || log.before >= index)
    }
    // A change counts once it is applied, and its leader may not have applied it yet.
    let rulers = 0
    for (let at = this.history.length - 1; at >= 0 && rulers < 2; at--) {
      const ruling = this.history[at]
      if (ruling.index >= index) continue
      if (isQuorum(ruling.members, isDurable)) return undefined
      rulers++
    }
    const durable = [...this.replicas.keys()].filter(
      (voter) => this.replicas.get(voter)!.durableLog.term(index) === term
    )
    return `durable on a quorum: replica ${id} applies entry ${index} of term ${term}, which is durable on ${durable.join(", ") || "nobody"}`
  }

  private reads(replica: ReplicaView, read: number, index: number): string | undefined {
    const { asked, id } = replica
    const least = asked.get(read) ?? 0
    asked.delete(read)
    return index >= least
      ? undefined
      : `reads are linearizable: replica ${id} reads after entry ${index}, and ${least} was applied before it was asked`
  }

  private sameState(id: number, index: number, digest: number, known: Applied): string | undefined {
    return known.digest === digest
      ? undefined
      : `states are the same: after entry ${index}, replica ${id} has another one than replica ${known.by}`
  }

  private configured(replica: ReplicaView, index: number, members: Members): string | undefined {
    replica.members = members
    replica.hasNewMembers = true
    const last = this.history.at(-1)
    if (last === undefined || index > last.index) this.history.push({ index, members })
    return undefined
  }

  private restored(replica: ReplicaView, fields: Fields): string | undefined {
    const [index, term, digest] = ["index", "term", "digest"].map((name) => Number(fields[name]))
    const { id, pending } = replica
    if (index <= replica.applied)
      return `state-machine safety: replica ${id} goes back from ${replica.applied} to a snapshot at ${index}`
    const write = pending.at(-1)
    const snapshot = { index, term }
    if (write !== undefined) write.snapshot = snapshot
    replica.log.apply({ hard: undefined, from: 0, entries: [], snapshot })
    if (write !== undefined) replica.log.apply({ ...write, snapshot: undefined })
    replica.applied = index
    replica.members = membersOf(fields)
    const broken = this.keeps(replica) ?? this.matches(replica, index + 1)
    if (broken !== undefined) return broken
    const known = this.applied.get(index)
    // A member that hears of its group before it has founded it itself gets what the others began with.
    if (known === undefined && index === this.history[0]?.index) return undefined
    if (known === undefined) return `replica ${id} has a snapshot at ${index}, which nobody has applied`
    if (known.term !== term)
      return `state-machine safety: replica ${id} has a snapshot at ${index} of term ${term}, not ${known.term}`
    return this.sameState(id, index, digest, known)
  }
}

/** What the events break so far, one after the other; undefined: nothing. */
export const check = (
  options: Options = {}
): ((name: string, fields: Fields, atMicros?: number) => string | undefined) => {
  const groups = new Map<number, GroupView>()
  return (name, fields, atMicros = 0) => {
    if (!name.startsWith("raft/") || fields["replica"] === undefined) return undefined
    const id = Number(fields["group"])
    let group = groups.get(id)
    if (group === undefined) {
      group = new GroupView(options)
      groups.set(id, group)
    }
    return group.check(name, fields, atMicros)
  }
}

export const invariants = (options?: Options): Judge => ({
  name: "invariants",
  inside: true,
  make: ({ options: own }) => {
    const checked = check({ driftPpmMax: Number(own["clock.driftPpmMax"] ?? driftPpmMax), ...options })
    return {
      observe: ({ atMicros, fields, name }: Observed): Violation | undefined => {
        const detail = checked(name, fields, atMicros)
        return detail === undefined ? undefined : { detail }
      }
    }
  }
})
