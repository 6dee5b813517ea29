/**
 * RandomGroup: a Raft group whose every step is drawn: which node ticks, which message arrives, late, twice or never, which write
 * ends, who crashes and what of its unfinished writes is on disk. After every step the safety properties of figure 3 of
 * the Raft paper are checked. No time, no runtime: thousands of steps a millisecond of the core alone, before the simulator
 * runs the same core with disks and networks.
 */
import type { Prng } from "#base/Prng.ts"
import * as ConfChange from "#consensus/ConfChange.ts"
import type { ConfState } from "#consensus/Configuration.ts"
import type { Config } from "#consensus/Core.ts"
import type * as Message from "#consensus/Message.ts"
import { entryKinds, kinds, type Entry, type Snapshot } from "#consensus/Message.ts"
import type { NodeId } from "#consensus/NodeId.ts"
import { Raft, type Ready } from "#consensus/Raft.ts"
import { MemoryStorage, type Doubt, type HardState } from "#consensus/Storage.ts"

/** A node's disk: what it keeps over a crash, its state machine's last snapshot included. */
class DiskStorage extends MemoryStorage {
  kept: Snapshot | undefined
  /** For followers: of the state machine as it is now, which knows all members that there are to send one to. */
  present: () => Snapshot | undefined = () => undefined
  /** What damage has taken, until it is made good. */
  doubt: Doubt | undefined
  /** Hard states since the beginning: a lost one leaves an earlier one. */
  readonly earlier: Array<HardState> = []

  override snapshot(): Snapshot | undefined {
    return this.present() ?? this.kept
  }

  override restore(snapshot: Snapshot): boolean {
    this.kept = snapshot
    return super.restore(snapshot)
  }

  /** The state machine's state, up to and including `snapshot.index`, takes the place of the entries. */
  checkpoint(snapshot: Snapshot): void {
    this.kept = snapshot
    this.configuration = snapshot.configuration
    this.compact(snapshot.index)
  }
}

interface Node {
  readonly id: NodeId
  readonly storage: DiskStorage
  raft: Raft
  /** Writes that were handed out and have not ended, in order. */
  writes: Array<Ready>
  /** Entries that were handed out and are not applied yet. */
  applying: Array<ReadonlyArray<Entry>>
  applied: number
  /** The state machine: a digest of everything applied. */
  digest: number
  configuration: ConfState
  commitSeen: number
}

export interface Options {
  readonly nodes: number
  readonly preVote: boolean
  readonly checkQuorum: boolean
  /** Drawn now and then: changes of the membership among so many nodes. */
  readonly changesMembership: boolean
  readonly electionTicks: number
  readonly inflightMax: number
  readonly messageBytesMax: number
  /** Of about 1,000. */
  readonly crashWeight: number
  readonly campaignWeight: number
  /** Disks of a minority rot, of about 1,000. */
  readonly damageWeight: number
  /** A canary: what is damaged is taken for what never was. */
  readonly ignoresDoubt?: boolean
  /** Of 100 messages. */
  readonly lost: number
  readonly repeated: number
}

/** A property of the paper does not hold. */
export class Unsafe extends Error {}

/** A cut between some nodes and the others lasts so many steps at most. */
const cutStepsMax = 1_500
/** The luck of the oldest message: it arrives. */
const calm = 100
const maxMessages = 2_000
const digestOf = (before: number, data: Uint8Array): number => {
  let digest = Math.imul(before ^ data.length, 0x9e3779b1)
  for (const byte of data) digest = Math.imul(digest ^ byte, 0x85ebca6b) ^ (digest >>> 13)
  return digest
}

const encodeState = (digest: number): Uint8Array => new Uint8Array(new Int32Array([digest]).buffer)
const decodeState = (data: Uint8Array): number => new Int32Array(data.slice().buffer)[0]

export class RandomGroup {
  readonly nodes: ReadonlyArray<Node>
  steps = 0
  /** How often each rare thing happened: a test that never crashes anybody proves little. */
  readonly seen: Record<string, number> = {}
  private readonly prng: Prng
  private readonly options: Options
  /** What may happen, and how often. */
  private readonly actions: ReadonlyArray<readonly [weight: number, act: (node: Node) => void]>
  private readonly weightsTotal: number
  private messages: Array<Message.Message> = []
  private readonly leaders = new Map<number, NodeId>()
  /** Every entry that was ever committed, by index. */
  private readonly committed = new Map<number, Entry>()
  /** The state machine after each index. */
  private readonly digests = new Map<number, number>()
  private highestCommit = 0
  private proposals = 0
  /** The nodes on one side of a cut, as bits. */
  private cutOff = 0
  private cutUntil = 1
  /** Answered reads that wait for their index: what had been applied anywhere when they began. */
  private readonly readFloors = new Map<number, number>()

  constructor(prng: Prng, options: Options) {
    this.prng = prng
    this.options = options
    const { campaignWeight, changesMembership, crashWeight, damageWeight } = options
    this.actions = [
      [80, ({ raft }) => raft.tick()],
      [500, () => this.deliver(this.prng.below(100))],
      [250, (node) => this.endWrite(node)],
      [80, (node) => this.apply(node)],
      [40, (node) => this.propose(node)],
      [20, (node) => this.read(node)],
      [4, (node) => this.compact(node)],
      [4, ({ raft }) => raft.transferLeadership(this.pick(this.nodes).id)],
      [2, ({ raft }) => raft.reportUnreachable(this.pick(this.nodes).id)],
      [campaignWeight, ({ raft }) => raft.campaign()],
      [crashWeight, (node) => this.crash(node)],
      [damageWeight, (node) => this.damage(node)],
      [changesMembership ? 8 : 0, (node) => this.changeMembership(node)]
    ]
    this.weightsTotal = this.actions.reduce((sum, [weight]) => sum + weight, 0)
    const voters = Array.from({ length: options.nodes }, (_, i) => i + 1)
    const configuration = { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false }
    const snapshot: Snapshot = { index: 1, term: 1, configuration, data: encodeState(0) }
    this.digests.set(1, 0)
    this.nodes = voters.map((id) => {
      const storage = new DiskStorage()
      storage.restore(snapshot)
      const node = this.boot(id, storage)
      storage.present = () => this.present(node)
      return node
    })
  }

  private boot(id: NodeId, storage: DiskStorage): Node {
    const { options } = this
    const kept = storage.kept!
    const config: Config = {
      id,
      storage,
      electionTicks: options.electionTicks,
      heartbeatTicks: 1,
      random: (bound) => this.prng.below(bound),
      applied: kept.index,
      preVote: options.preVote,
      checkQuorum: options.checkQuorum,
      inflightMax: options.inflightMax,
      messageBytesMax: options.messageBytesMax,
      uncommittedBytesMax: 2_000,
      stepsDownOnRemoval: true,
      ...(storage.doubt === undefined || options.ignoresDoubt === true ? {} : { doubt: storage.doubt })
    }
    return {
      id,
      storage,
      raft: new Raft(config),
      writes: [],
      applying: [],
      applied: kept.index,
      digest: decodeState(kept.data),
      configuration: kept.configuration,
      commitSeen: 0
    }
  }

  /** The state machine's state at present, where the log still knows the term. */
  private present({ applied, configuration, digest, storage }: Node): Snapshot | undefined {
    if (applied < storage.firstIndex - 1 || applied > storage.lastIndex) return undefined
    return { index: applied, term: storage.term(applied), configuration, data: encodeState(digest) }
  }

  private count(what: string): void {
    this.seen[what] = (this.seen[what] ?? 0) + 1
  }

  private pick<A>(from: ReadonlyArray<A>): A {
    return from[this.prng.below(from.length)]
  }

  /** One drawn step under faults. */
  step(): void {
    this.steps++
    if (this.steps === this.cutUntil) this.cut()
    const node = this.pick(this.nodes)
    let draw = this.prng.below(this.weightsTotal)
    for (const [weight, act] of this.actions) {
      draw -= weight
      if (draw >= 0) continue
      act(node)
      break
    }
    this.takeReady(node)
    this.check(node)
  }

  /** Everything arrives, nobody crashes: after so many rounds a proposal must have been applied by every voter. */
  heal(rounds: number): boolean {
    this.cutOff = 0
    const before = this.highestCommit
    for (let round = 0; round < rounds; round++) {
      for (const node of this.nodes) {
        node.raft.tick()
        this.takeReady(node)
      }
      while (
        this.messages.length > 0 ||
        this.nodes.some(({ applying, writes }) => writes.length + applying.length > 0)
      ) {
        if (this.messages.length > 0) this.deliver(calm)
        for (const node of this.nodes) {
          this.endWrite(node)
          this.apply(node)
          this.takeReady(node)
          this.check(node)
        }
      }
      const leader = this.nodes.find(({ raft }) => raft.core.role === "leader")
      if (leader === undefined) continue
      const voters = new Set([...leader.configuration.voters, ...leader.configuration.votersOutgoing])
      const isDone = this.nodes.every(
        ({ applied, id, raft }) => !voters.has(id) || (applied === this.highestCommit && !raft.core.isInDoubt)
      )
      if (isDone && this.highestCommit > before) return true
      this.propose(leader)
      this.takeReady(leader)
    }
    return false
  }

  /** Cuts some nodes off from the others for a while; now and then none. */
  private cut(): void {
    this.cutUntil = this.steps + 1 + this.prng.below(cutStepsMax)
    this.cutOff = this.prng.below(3) === 0 ? 0 : this.prng.below(1 << (this.options.nodes + 1))
  }

  private isCut({ from, to }: Message.Message): boolean {
    return (((this.cutOff >>> from) ^ (this.cutOff >>> to)) & 1) === 1
  }

  private takeReady(node: Node): void {
    while (node.raft.hasReady) {
      const ready = node.raft.ready()
      for (const message of ready.messages) this.send(message)
      node.writes.push(ready)
      if (ready.committed.length > 0) node.applying.push(ready.committed)
      for (const { context, index } of ready.reads) this.readAnswered(context, index)
    }
  }

  private send(message: Message.Message): void {
    if (this.messages.length < maxMessages) this.messages.push(message)
  }

  /** `luck` of 100, or `calm`: what becomes of the message. */
  private deliver(luck: number): void {
    if (this.messages.length === 0) return
    // Most arrive soon, some very late.
    const among = luck > 90 ? this.messages.length : Math.min(this.messages.length, 12)
    const at = luck === calm ? 0 : this.prng.below(among)
    const [message] = this.messages.splice(at, 1)
    // Of what meets a cut, some arrives when it is over.
    if (this.isCut(message) && luck % 4 === 0) return this.send(message)
    const isLost = luck < this.options.lost || this.isCut(message)
    if (message.kind === kinds.snapshot) {
      // The driver's duty: the leader sends nothing more before it knows how it ended.
      this.nodes[message.from - 1].raft.reportSnapshot(message.to, isLost ? "failed" : "finished")
    }
    if (isLost) return this.count("lost")
    if (luck < this.options.lost + this.options.repeated) {
      this.send(message)
      this.count("repeated")
    }
    const node = this.nodes[message.to - 1]
    node.raft.step(message)
    this.takeReady(node)
    this.check(node)
  }

  /** The oldest write is durable: what waited for it may be said. */
  private endWrite(node: Node): void {
    const ready = node.writes.shift()
    if (ready === undefined) return
    this.store(node, ready)
    for (const message of ready.afterDurable) {
      if (message.to === node.id) node.raft.step(message)
      else this.send(message)
    }
    if (ready.storage !== undefined) node.raft.stored(ready.storage)
  }

  private store(node: Node, { doubt, entries, hard, snapshot }: Ready): void {
    if (hard !== undefined) {
      node.storage.earlier.push(node.storage.hardState)
      node.storage.hardState = hard
    }
    if (doubt !== undefined) {
      node.storage.doubt = undefined
      this.count("made good")
    }
    if (snapshot !== undefined && node.storage.restore(snapshot)) {
      this.count("snapshot")
      node.applied = snapshot.index
      node.digest = decodeState(snapshot.data)
      node.configuration = snapshot.configuration
      node.applying = []
      this.checkDigest(node)
    }
    node.storage.append(entries)
  }

  private apply(node: Node): void {
    const entries = node.applying.shift()
    if (entries === undefined) return
    for (const entry of entries) {
      if (entry.index !== node.applied + 1) throw new Unsafe(`n${node.id} applied ${entry.index} after ${node.applied}`)
      node.applied = entry.index
      if (entry.kind === entryKinds.normal) node.digest = digestOf(node.digest, entry.data)
      else {
        node.configuration = node.raft.applyConfChange(ConfChange.decode(entry.data)!)
        this.count("change")
      }
      this.checkApplied(node, entry)
      this.checkDigest(node)
    }
    node.raft.appliedUpTo(entries)
  }

  private propose(node: Node): void {
    const data = new Uint8Array(4 + this.prng.below(40))
    new DataView(data.buffer).setUint32(0, ++this.proposals)
    node.raft.propose(data)
  }

  private read(node: Node): void {
    const number = this.readFloors.size + 1
    this.readFloors.set(number, this.highestCommit)
    node.raft.read(Uint8Array.of(number & 255, (number >>> 8) & 255, (number >>> 16) & 255))
  }

  /** A read sees everything that had been committed when it began (thesis, section 6.4). */
  private readAnswered(context: Uint8Array, index: number): void {
    this.count("read")
    const number = context[0] | (context[1] << 8) | (context[2] << 16)
    const floor = this.readFloors.get(number)!
    if (index < floor) throw new Unsafe(`a read that began when ${floor} was committed is answered at ${index}`)
  }

  private compact(node: Node): void {
    const { applied, configuration, digest, storage } = node
    if (applied < storage.firstIndex || applied > storage.lastIndex) return
    const term = storage.term(applied)
    storage.checkpoint({ index: applied, term, configuration, data: encodeState(digest) })
    this.count("compacted")
  }

  private crash(node: Node): void {
    this.count("crash")
    // Some of the unfinished writes are on disk, in order; nobody was told.
    const kept = this.prng.below(node.writes.length + 1)
    for (const ready of node.writes.slice(0, kept)) this.store(node, ready)
    // A snapshot that was stored is the state machine's, too.
    Object.assign(node, this.boot(node.id, node.storage))
  }

  /**
   * A crash, and what is found on the disk then has rotted: some entry, and nobody knows what was behind it; or the term and the vote,
   * of which some earlier ones are left. Never on so many that a majority of the voters is in doubt, and one vote at a time.
   */
  private damage(node: Node): void {
    const inDoubt = this.nodes.filter(({ id, storage }) => id !== node.id && storage.doubt !== undefined)
    // While members come and go, there may be three voters only.
    const most = this.options.changesMembership
      ? Math.min(1, (this.options.nodes - 1) / 2)
      : (this.options.nodes - 1) / 2
    if (inDoubt.length + 1 > most) return
    const { storage } = node
    const takesVote = this.prng.below(3) === 0 && !inDoubt.some(({ storage: other }) => other.doubt!.vote)
    for (const ready of node.writes.splice(0, this.prng.below(node.writes.length + 1))) this.store(node, ready)
    const left = storage.firstIndex + this.prng.below(storage.lastIndex + 2 - storage.firstIndex)
    storage.cutTail(left)
    let { hardState } = storage
    if (takesVote) hardState = storage.earlier[this.prng.below(storage.earlier.length)] ?? hardState
    const { lastIndex } = storage
    const commit = Math.max(storage.firstIndex - 1, Math.min(hardState.commit, lastIndex))
    const term = storage.term(lastIndex)
    storage.hardState = term > hardState.term ? { term, vote: 0, commit } : { ...hardState, commit }
    storage.doubt = { entries: true, vote: takesVote || storage.doubt?.vote === true }
    this.count(takesVote ? "lost vote" : "lost entries")
    Object.assign(node, this.boot(node.id, storage))
  }

  private changeMembership(node: Node): void {
    const ids = this.nodes.map(({ id }) => id)
    const changes = Array.from({ length: 1 + this.prng.below(2) }, () => ({
      kind: this.pick([0, 1, 3] as const),
      node: this.pick(ids)
    }))
    // Never fewer than two voters: the last ones may be crashing all the time. Of three, one may be in doubt.
    const left = new Set(node.configuration.voters)
    for (const { kind, node: id } of changes) {
      if (kind === ConfChange.changeKinds.addVoter) left.add(id)
      else left.delete(id)
    }
    if (left.size < (this.options.damageWeight > 0 ? 3 : 2)) return
    const transition = this.pick([0, 1, 2] as const)
    const isLeaving = this.prng.below(3) === 0
    const change = isLeaving ? ConfChange.leaveJoint : { transition, changes, context: new Uint8Array(0) }
    node.raft.proposeConfChange("confChangeV2", ConfChange.encode(change))
  }

  // What must hold (Raft, figure 3).

  private check(node: Node): void {
    const { core } = node.raft
    if (core.role === "leader") this.checkLeader(node)
    const { applied, applying, committed } = core.log
    if (applied > applying || applying > committed || committed > core.log.lastIndex) {
      throw new Unsafe(
        `n${node.id}: applied ${applied}, applying ${applying}, committed ${committed}, last ${core.log.lastIndex}`
      )
    }
    if (committed < node.commitSeen) throw new Unsafe(`n${node.id}'s commit index went back`)
    for (let index = Math.max(node.commitSeen + 1, core.log.firstIndex); index <= committed; index++) {
      this.checkCommitted(node, core.log.slice(index, index + 1, Infinity)[0])
    }
    node.commitSeen = committed
  }

  private checkLeader({ id, raft }: Node): void {
    const { log, term } = raft.core
    const leader = this.leaders.get(term)
    if (leader !== undefined && leader !== id) throw new Unsafe(`n${leader} and n${id} both lead in term ${term}`)
    if (leader !== undefined) return
    this.leaders.set(term, id)
    this.count("leader")
    // Leader completeness: everything committed so far is in its log.
    for (let index = log.firstIndex; index <= this.highestCommit; index++) {
      if (log.term(index) !== this.committed.get(index)?.term) {
        throw new Unsafe(`n${id} leads in term ${term} without the committed entry ${index}`)
      }
    }
    if (log.lastIndex < this.highestCommit) throw new Unsafe(`n${id} leads in term ${term} with too short a log`)
  }

  private checkCommitted(node: Node, entry: Entry): void {
    const known = this.committed.get(entry.index)
    if (known === undefined) this.committed.set(entry.index, entry)
    else if (known.term !== entry.term || known.data.length !== entry.data.length || known.kind !== entry.kind) {
      throw new Unsafe(`n${node.id} commits another entry at ${entry.index} than was committed before`)
    }
    this.highestCommit = Math.max(this.highestCommit, entry.index)
  }

  private checkApplied(node: Node, entry: Entry): void {
    if (this.committed.get(entry.index)?.term !== entry.term) {
      throw new Unsafe(`n${node.id} applied an entry at ${entry.index} that is not the committed one`)
    }
  }

  /** State machine safety: the same state at the same index, everywhere. */
  private checkDigest({ applied, digest, id }: Node): void {
    const known = this.digests.get(applied)
    if (known === undefined) this.digests.set(applied, digest)
    else if (known !== digest) throw new Unsafe(`n${id} has another state at ${applied} than others`)
  }
}
