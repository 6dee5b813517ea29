/**
 * Transcript: a Raft group driven by commands of a text, one step at a time, in the words of the interaction tests of etcd's
 * Raft: `add-nodes`, `campaign`, `propose`, `deliver-msgs`, `process-ready`, `stabilize` and so on. Nothing happens that no
 * command asked for; messages wait until they are delivered or dropped.
 *
 * With `async-storage-writes` a node's writes and applications are work of two threads, each run by a command of its own.
 */
import * as ConfChange from "#consensus/ConfChange.ts"
import type { Config } from "#consensus/Core.ts"
import * as Message from "#consensus/Message.ts"
import { entryKinds, kinds, type Entry, type Snapshot } from "#consensus/Message.ts"
import type { NodeId } from "#consensus/NodeId.ts"
import { Raft, type Ready, type StorageTicket } from "#consensus/Raft.ts"
import * as Configuration from "#consensus/Configuration.ts"
import { describe } from "#consensus/Progress.ts"
import { MemoryStorage, type HardState } from "#consensus/Storage.ts"
import * as DataDriven from "./DataDriven.ts"
import * as Words from "./Words.ts"

/** What waits to reach a node: a peer's message, or word of its own storage. */
interface InFlight {
  readonly to: NodeId
  readonly kind: Message.Kind
  readonly sent: Words.Sent
  readonly isLocal: boolean
  readonly deliver: (node: Node) => string | undefined
}

interface AppendWork {
  readonly sent: Words.Sent
  readonly hard: HardState | undefined
  readonly entries: ReadonlyArray<Entry>
  readonly snapshot: Snapshot | undefined
  readonly responses: ReadonlyArray<InFlight>
}

interface ApplyWork {
  readonly sent: Words.Sent
  readonly entries: ReadonlyArray<Entry>
  readonly response: InFlight
}

interface Node {
  readonly id: NodeId
  readonly raft: Raft
  readonly storage: MemoryStorage
  readonly isAsync: boolean
  readonly electionTicks: number
  readonly heartbeatTicks: number
  readonly appendWork: Array<AppendWork>
  readonly applyWork: Array<ApplyWork>
  /** The state machine, which appends, after each entry. */
  readonly history: Array<Snapshot>
}

const levels = ["DEBUG", "INFO", "WARN", "ERROR", "FATAL", "NONE"] as const
type Level = (typeof levels)[number]

/** A command that cannot be carried out: its text is the output. */
class Failed extends Error {}

const encoder = new TextEncoder()
const noData = new Uint8Array(0)
const appendThread = "AppendThread"
const applyThread = "ApplyThread"
const defaultElectionTicks = 3

export class Transcript {
  private nodes: Array<Node> = []
  private messages: Array<InFlight> = []
  private level: Level = "DEBUG"
  private output = ""
  /** Something would have been printed. */
  private isQuiet = false
  private readonly random: (bound: number) => number

  /** `random`: for time-outs, an integer in [0, bound). */
  constructor(random: (bound: number) => number) {
    this.random = random
  }

  /** Carries out a command and those in its input; what it prints. */
  run(command: DataDriven.Command): string {
    this.output = ""
    this.isQuiet = false
    const takesInput = command.name === "propose-conf-change"
    const commands = takesInput
      ? [command]
      : [
          command,
          ...command.input
            .split("\n")
            .filter((line) => line.trim() !== "")
            .map((line, i) => ({
              ...DataDriven.parseLine(line, command.line + 1 + i),
              input: "",
              line: command.line + 1 + i
            }))
        ]
    for (const one of commands) {
      try {
        this.carryOut(one)
      } catch (error) {
        if (!(error instanceof Failed)) throw error
        if (this.level === "NONE") return error.message
        this.output += error.message
      }
    }
    if (this.output !== "") return this.output
    return this.isQuiet ? "ok (quiet)" : "ok"
  }

  private write(text: string): void {
    if (this.level === "NONE") this.isQuiet = true
    else this.output += text
  }

  private log(level: Level, text: string): void {
    if (levels.indexOf(level) >= levels.indexOf(this.level)) this.write(`${level} ${text}\n`)
  }

  private indented(act: () => void): void {
    const before = this.output
    this.output = ""
    act()
    const inner = this.output.replace(/\n$/, "")
    this.output =
      inner === ""
        ? before
        : `${before}${inner
            .split("\n")
            .map((line) => `  ${line}\n`)
            .join("")}`
  }

  private carryOut(command: DataDriven.Command): void {
    const { arguments: given, name } = command
    const first = (): Node => this.node(given[0]?.key)
    switch (name) {
      case "_breakpoint":
        return
      case "add-nodes":
        return this.addNodes(given)
      case "campaign":
        return first().raft.campaign()
      case "compact":
        return this.compact(first(), integer(given[1]?.key))
      case "deliver-msgs":
        return this.deliverMessages(given)
      case "process-ready":
        return this.forEach(given, "handling Ready", (node) => this.processReady(node))
      case "process-append-thread":
        return this.forEach(given, "processing append thread", (node) => this.processAppend(node))
      case "process-apply-thread":
        return this.forEach(given, "processing apply thread", (node) => this.processApply(node))
      case "log-level":
        return this.setLevel(given[0]?.key)
      case "raft-log":
        return this.printLog(first())
      case "raft-state":
        return this.printStates()
      case "set-randomized-election-timeout":
        first().raft.core.electionTimeout = integer(valueOf(given, "timeout"))
        return
      case "stabilize":
        return this.stabilize(given)
      case "status":
        return this.printStatus(first())
      case "tick-election":
        return repeat(first().electionTicks, () => first().raft.tick())
      case "tick-heartbeat":
        return repeat(first().heartbeatTicks, () => first().raft.tick())
      case "transfer-leadership":
        return this.node(valueOf(given, "from")).raft.transferLeadership(integer(valueOf(given, "to")))
      case "forget-leader":
        return first().raft.forgetLeader()
      case "send-snapshot":
        return this.sendSnapshot(first(), this.node(given[1]?.key))
      case "propose":
        return must(first().raft.propose(encoder.encode(given[1]?.key ?? "")))
      case "propose-conf-change":
        return this.proposeConfChange(first(), given.slice(1), command.input)
      case "report-unreachable":
        return first().raft.reportUnreachable(integer(given[1]?.key))
      default:
        throw new Failed("unknown command")
    }
  }

  private node(id: string | undefined): Node {
    const node = this.nodes[integer(id) - 1]
    if (node === undefined) throw new DataDriven.Malformed(`there is no node ${id ?? ""}`)
    return node
  }

  private forEach(given: ReadonlyArray<DataDriven.Argument>, what: string, act: (node: Node) => void): void {
    const nodes = given.filter(({ values }) => values.length === 0).map(({ key }) => this.node(key))
    for (const node of nodes) {
      if (nodes.length === 1) act(node)
      else {
        this.write(`> ${node.id} ${what}\n`)
        this.indented(() => act(node))
      }
    }
  }

  // Nodes.

  private addNodes(given: ReadonlyArray<DataDriven.Argument>): void {
    const options = new Map(given.slice(1).map(({ key, values }) => [key, values]))
    const flag = (name: string): boolean => options.get(name)?.[0] === "true"
    const number = (name: string): number | undefined => {
      const value = options.get(name)?.[0]
      return value === undefined ? undefined : integer(value)
    }
    const index = number("index") ?? 0
    const voters = (options.get("voters") ?? []).map(integer)
    const learners = (options.get("learners") ?? []).map(integer)
    const data = encoder.encode(options.get("content")?.[0] ?? "")
    const isBootstrap = index > 0 || voters.length > 0 || learners.length > 0 || data.length > 0
    if (isBootstrap && index <= 1) throw new Failed("index must be specified as > 1 due to bootstrap")
    const configuration = { ...Configuration.emptyState, voters, learners }
    const snapshot: Snapshot = { index, term: isBootstrap ? 1 : 0, configuration, data }
    const applyingBytesMax = number("max-committed-size-per-ready")
    repeat(integer(given[0]?.key), () =>
      this.addNode(snapshot, flag("async-storage-writes"), {
        applied: index,
        preVote: flag("prevote"),
        checkQuorum: flag("checkquorum"),
        validatesConfChanges: !flag("disable-conf-change-validation"),
        stepsDownOnRemoval: flag("step-down-on-removal"),
        reads: options.get("read-only")?.[0] === "lease-based" ? "lease" : "quorum",
        inflightMax: number("inflight") ?? 2_147_483_647,
        ...(applyingBytesMax === undefined || applyingBytesMax === 0 ? {} : { applyingBytesMax })
      })
    )
  }

  private addNode(
    snapshot: Snapshot,
    isAsync: boolean,
    options: Omit<Config, "id" | "storage" | "random" | "note" | "electionTicks" | "heartbeatTicks">
  ): void {
    const id = this.nodes.length + 1
    const history: Array<Snapshot> = [snapshot]
    const storage = new (class extends MemoryStorage {
      override snapshot(): Snapshot | undefined {
        return history.at(-1)
      }
    })()
    if (snapshot.index > 0) storage.restore(snapshot)
    const config: Config = {
      ...options,
      id,
      storage,
      random: this.random,
      electionTicks: defaultElectionTicks,
      // As etcd does, whose files run here.
      asksAtOnce: true,
      votesTellCommit: false,
      heartbeatTicks: 1,
      note: (level, text) => this.log(level.toUpperCase() as Level, text())
    }
    const raft = new Raft({ ...config, appliesUnstable: !isAsync })
    const { core } = raft
    const last = core.log.last()
    const peers = [...core.tracker.configuration.voters.incoming].sort((left, right) => left - right)
    this.log(
      "INFO",
      `newRaft ${Words.target(id)} [peers: [${peers.map(Words.target).join(",")}], term: ${core.term}, commit: ${core.log.committed}, applied: ${core.log.applied}, lastindex: ${last.index}, lastterm: ${last.term}]`
    )
    this.nodes.push({
      id,
      raft,
      storage,
      isAsync,
      electionTicks: config.electionTicks,
      heartbeatTicks: config.heartbeatTicks,
      appendWork: [],
      applyWork: [],
      history
    })
  }

  // Work.

  private processReady(node: Node): void {
    const ready = node.raft.ready()
    if (node.isAsync) this.processAsync(node, ready)
    else this.processSync(node, ready)
  }

  private inFlight(message: Message.Message): InFlight {
    return {
      to: message.to,
      kind: message.kind,
      sent: Words.ofMessage(message),
      isLocal: message.from === message.to,
      deliver: ({ raft }) => {
        const outcome = raft.step(message)
        return outcome === "taken" ? undefined : refusals[outcome]
      }
    }
  }

  private processSync(node: Node, ready: Ready): void {
    const own = ready.afterDurable.filter(({ to }) => to === node.id)
    const others = [...ready.messages, ...ready.afterDurable.filter(({ to }) => to !== node.id)].map((message) =>
      this.inFlight(message)
    )
    this.write(
      Words.ready(
        ready,
        others.map(({ sent }) => sent)
      )
    )
    store(node, ready.hard, ready.entries, ready.snapshot)
    this.apply(node, ready.committed)
    this.messages.push(...others)
    for (const message of own) node.raft.step(message)
    if (ready.storage !== undefined) node.raft.stored(ready.storage)
    node.raft.appliedUpTo(ready.committed)
  }

  private processAsync(node: Node, ready: Ready): void {
    const messages = ready.messages.map((message) => this.inFlight(message))
    const printed = messages.map(({ sent }) => sent)
    const id = Words.target(node.id)
    const { committed, entries, hard, snapshot, storage } = ready
    if (entries.length > 0 || hard !== undefined || snapshot !== undefined || ready.afterDurable.length > 0) {
      const responses = ready.afterDurable.map((message) => this.inFlight(message))
      if (storage !== undefined) responses.push(storedMessage(node.id, storage))
      const sent = { from: id, to: appendThread, kind: kinds.storageAppend, ...hard, entries, snapshot }
      printed.push({ ...sent, responses: responses.map((response) => response.sent) })
      node.appendWork.push({ sent, hard, entries, snapshot, responses })
    }
    if (committed.length > 0) {
      const response = appliedMessage(node.id, committed)
      const sent = { from: id, to: applyThread, kind: kinds.storageApply, entries: committed }
      printed.push({ ...sent, responses: [response.sent] })
      node.applyWork.push({ sent, entries: committed, response })
    }
    this.write(Words.ready(ready, printed))
    this.messages.push(...messages)
  }

  private processAppend(node: Node): void {
    const work = node.appendWork.shift()
    if (work === undefined) return this.write("no append work to perform")
    this.write(`Processing:\n${Words.sent(work.sent)}\n`)
    store(node, work.hard, work.entries, work.snapshot)
    this.write("Responses:\n")
    for (const { sent } of work.responses) this.write(`${Words.sent(sent)}\n`)
    this.messages.push(...work.responses)
  }

  private processApply(node: Node): void {
    const work = node.applyWork.shift()
    if (work === undefined) return this.write("no apply work to perform")
    this.write(`Processing:\n${Words.sent(work.sent)}\n`)
    this.apply(node, work.entries)
    this.write(`Responses:\n${Words.sent(work.response.sent)}\n`)
    this.messages.push(work.response)
  }

  private apply(node: Node, entries: ReadonlyArray<Entry>): void {
    for (const { data, index, kind, term } of entries) {
      const before = node.history.at(-1)!
      let { configuration } = before
      let update = data
      if (kind !== entryKinds.normal) {
        const change = ConfChange.decode(data)!
        configuration = node.raft.applyConfChange(change)
        update = change.context
      }
      node.history.push({ index, term, configuration, data: Uint8Array.from([...before.data, ...update]) })
    }
  }

  // Messages.

  private deliverMessages(given: ReadonlyArray<DataDriven.Argument>): void {
    const typeName = given.find(({ key }) => key === "type")?.values[0]
    const kind = typeName === undefined ? undefined : kindOf(typeName)
    let handled = 0
    for (const { key, values } of given) {
      if (values.length === 0) handled += this.deliver(integer(key), kind, false)
      else if (key === "drop") for (const id of values) handled += this.deliver(integer(id), kind, true)
    }
    if (handled === 0) this.write("no messages\n")
  }

  private deliver(to: NodeId, kind: Message.Kind | undefined, isDropped: boolean): number {
    // Word of a node's own storage is never lost.
    const isMeant = (message: InFlight): boolean =>
      message.to === to && !(isDropped && message.isLocal) && (kind === undefined || message.kind === kind)
    const meant = this.messages.filter(isMeant)
    this.messages = this.messages.filter((message) => !isMeant(message))
    for (const message of meant) {
      this.write(`${isDropped ? "dropped: " : ""}${Words.sent(message.sent)}\n`)
      if (isDropped) continue
      const refusal = message.deliver(this.node(String(to)))
      if (refusal !== undefined) this.write(`${refusal}\n`)
    }
    return meant.length
  }

  private sendSnapshot(from: Node, to: Node): void {
    const message = Message.make(kinds.snapshot, to.id, {
      from: from.id,
      term: from.raft.core.term,
      snapshot: from.storage.snapshot()
    })
    const inFlight = this.inFlight(message)
    this.messages.push(inFlight)
    this.write(Words.sent(inFlight.sent))
  }

  private stabilize(given: ReadonlyArray<DataDriven.Argument>): void {
    const before = this.level
    const level = given.find(({ key }) => key === "log-level")?.values[0]
    if (level !== undefined) this.setLevel(level)
    const named = given.filter(({ values }) => values.length === 0).map(({ key }) => this.node(key))
    const nodes = named.length > 0 ? named : this.nodes
    while (this.round(nodes));
    this.level = before
  }

  /** Everything that can be done once; false when there was nothing. */
  private round(nodes: ReadonlyArray<Node>): boolean {
    let isDone = true
    const doing = (node: Node, what: string, act: () => void): void => {
      this.write(`> ${node.id} ${what}\n`)
      act()
      isDone = false
    }
    for (const node of nodes) {
      if (node.raft.hasReady) doing(node, "handling Ready", () => this.indented(() => this.processReady(node)))
    }
    for (const node of nodes) {
      if (this.messages.some(({ to }) => to === node.id)) {
        doing(node, "receiving messages", () => this.indented(() => this.deliver(node.id, undefined, false)))
      }
    }
    for (const node of nodes) {
      if (node.appendWork.length > 0) {
        doing(node, "processing append thread", () => {
          while (node.appendWork.length > 0) this.indented(() => this.processAppend(node))
        })
      }
    }
    for (const node of nodes) {
      if (node.applyWork.length > 0) {
        doing(node, "processing apply thread", () => {
          while (node.applyWork.length > 0) this.indented(() => this.processApply(node))
        })
      }
    }
    return !isDone
  }

  // The rest.

  private proposeConfChange(node: Node, given: ReadonlyArray<DataDriven.Argument>, input: string): void {
    let isV1 = false
    let transition: ConfChange.Transition = ConfChange.transitions.auto
    for (const { key, values } of given) {
      const [value] = values
      if (key === "v1") isV1 = value === "true"
      else if (key === "transition") {
        if (!(value in ConfChange.transitions)) throw new Failed(`unknown transition ${value}`)
        transition = ConfChange.transitions[value as keyof typeof ConfChange.transitions]
      } else throw new Failed(`unknown command ${key}`)
    }
    const changes = input
      .split(/\s+/)
      .filter((word) => word !== "")
      .map(parseChange)
    if (isV1 && (changes.length !== 1 || transition !== ConfChange.transitions.auto)) {
      throw new Failed("v1 conf change can only have one operation and no transition")
    }
    const data = ConfChange.encode({ transition, changes, context: noData })
    must(node.raft.proposeConfChange(isV1 ? "confChange" : "confChangeV2", data))
  }

  private compact(node: Node, index: number): void {
    node.storage.compact(index)
    this.printLog(node)
  }

  private printLog({ storage }: Node): void {
    const { firstIndex, lastIndex } = storage
    if (lastIndex < firstIndex) this.write(`log is empty: first index=${firstIndex}, last index=${lastIndex}`)
    else this.write(Words.entries(storage.entries(firstIndex, lastIndex + 1, Infinity)))
  }

  private printStates(): void {
    for (const { id, raft } of this.nodes) {
      const { lead, role, term, tracker } = raft.core
      this.write(
        `${id}: ${Words.role(role)} ${tracker.isVoter(id) ? "(Voter)" : "(Non-Voter)"} Term:${term} Lead:${lead}\n`
      )
    }
  }

  private printStatus({ raft }: Node): void {
    const { role, tracker } = raft.core
    if (role !== "leader") return
    for (const id of tracker.ids) this.write(`${id}: ${describe(tracker.get(id)!)}\n`)
  }

  private setLevel(name: string | undefined): void {
    const level = levels.find((one) => one === name?.toUpperCase())
    if (level === undefined) throw new Failed(`log levels must be either of [${levels.join(" ")}]`)
    this.level = level
  }
}

const refusals = {
  dropped: "raft proposal dropped",
  "unknown-peer": "raft: cannot step as peer not found"
} as const

const must = (outcome: "taken" | "dropped" | "unknown-peer"): void => {
  if (outcome !== "taken") throw new Failed(refusals[outcome])
}

const repeat = (times: number, act: () => void): void => {
  for (let i = 0; i < times; i++) act()
}

const integer = (text: string | undefined): number => {
  const value = Number(text)
  if (text === undefined || text === "" || !Number.isSafeInteger(value)) {
    throw new DataDriven.Malformed(`a whole number is expected, not "${text ?? ""}"`)
  }
  return value
}

const valueOf = (given: ReadonlyArray<DataDriven.Argument>, name: string): string | undefined =>
  given.find(({ key }) => key === name)?.values[0]

const kindOf = (name: string): Message.Kind => {
  const kind = Object.values(kinds).find((one) => Message.nameOf(one) === name)
  if (kind === undefined) throw new DataDriven.Malformed(`unknown message type ${name}`)
  return kind
}

const parseChange = (word: string): ConfChange.Change => {
  const kind = "vrul".indexOf(word[0])
  if (kind < 0 || word.length < 2) throw new Failed(`unknown input: ${word}`)
  return { kind: kind as ConfChange.ChangeKind, node: integer(word.slice(1)) }
}

const store = (
  { storage }: Node,
  hard: HardState | undefined,
  entries: ReadonlyArray<Entry>,
  snapshot: Snapshot | undefined
): void => {
  if (hard !== undefined) storage.hardState = hard
  if (snapshot === undefined) storage.append(entries)
  else if (entries.length > 0) throw new Failed("can't apply snapshot and entries at the same time")
  else storage.restore(snapshot)
}

const storedMessage = (to: NodeId, ticket: StorageTicket): InFlight => ({
  to,
  kind: kinds.storageAppended,
  sent: {
    from: appendThread,
    to: Words.target(to),
    kind: kinds.storageAppended,
    term: ticket.term,
    ...(ticket.last === undefined ? {} : { index: ticket.last.index, logTerm: ticket.last.term }),
    snapshot: ticket.snapshot
  },
  isLocal: true,
  deliver: ({ raft }) => {
    raft.stored(ticket)
    return undefined
  }
})

const appliedMessage = (to: NodeId, entries: ReadonlyArray<Entry>): InFlight => ({
  to,
  kind: kinds.storageApplied,
  sent: { from: applyThread, to: Words.target(to), kind: kinds.storageApplied, entries },
  isLocal: true,
  deliver: ({ raft }) => {
    raft.appliedUpTo(entries)
    return undefined
  }
})

/** Runs a file of commands; what it is with our output. */
export const run = (text: string, random: (bound: number) => number): string => {
  const transcript = new Transcript(random)
  return DataDriven.fill(DataDriven.parse(text), (command) => transcript.run(command))
}
