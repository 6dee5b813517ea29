/** Stores in simulated machines: whole, from the transport's bytes to the disk's. */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import * as ConfChange from "#consensus/ConfChange.ts"
import type { ConsensusError } from "#consensus/ConsensusError.ts"
import { Group } from "#consensus/Group.ts"
import * as Commands from "#consensus/KeyValueCommand.ts"
import * as Replica from "#consensus/Replica.ts"
import * as ReplicatedLog from "#consensus/ReplicatedLog.ts"
import * as Sessions from "#consensus/Sessions.ts"
import * as SimCertificate from "#sim/world/SimCertificate.ts"
import { TestBench } from "#sim/world/TestBench.ts"
import type { Credentials } from "#world/Net.ts"
import * as Store from "./Store.ts"
import { nameOf } from "./transport/Transport.ts"

const cluster = "0123456789abcdef0123456789abcdef"
const group = 1
const utf8 = new TextEncoder()
const second = 1_000_000

/** Machines with stores 1, 2, ..., of which the first `founders` found the group. */
class Stores {
  readonly bench: TestBench
  readonly logs: Array<Store.Store["log"] | undefined> = []
  private readonly founders: number
  private readonly options: Partial<Store.Options>
  private readonly tls: (store: number) => Credentials | undefined

  constructor(
    options: Partial<Pick<Store.Options, "host" | "state" | "halted">> & {
      machines: number
      founders?: number
      tls?: (store: number) => Credentials | undefined
    }
  ) {
    const { founders = options.machines, machines, tls = () => undefined, ...more } = options
    this.bench = new TestBench({ machines })
    this.founders = founders
    this.options = more
    this.tls = tls
    for (let i = 0; i < machines; i++) this.start(i)
    this.bench.pass(3 * second)
  }

  start(index: number): void {
    const all = this.bench.machines.map((_, i) => i + 1)
    const program = Effect.gen({ self: this }, function* () {
      const { log } = yield* Store.open({
        store: index + 1,
        cluster,
        listen: { host: `n${index}`, port: 7_000 },
        peers: new Map(
          all.filter((one) => one !== index + 1).map((one) => [one, { host: `n${one - 1}`, port: 7_000 }])
        ),
        directory: "store",
        memory: { slabBytes: 4_096 },
        tls: this.tls(index + 1),
        halted: (message) => {
          throw new Error(message)
        },
        ...this.options
      })
      this.logs[index] = log
      if (index < this.founders) log.host.found(group, all.slice(0, this.founders), () => {})
      return yield* Effect.never
    })
    this.bench.start(index, program)
  }

  crash(index: number): void {
    this.logs[index] = undefined
    this.bench.machines[index].crash({ powerLost: true })
  }

  group(index: number): Group {
    const found = this.logs[index]!.host.find(group)
    if (!(found instanceof Group)) throw found
    return found
  }

  get leader(): number {
    return this.logs.findIndex((log) => log?.host.group(group)?.isLeader === true)
  }

  statuses(): ReadonlyArray<ReplicatedLog.Status> {
    return this.logs.flatMap((log, index) => (log === undefined ? [] : [ReplicatedLog.statusOf(this.group(index))]))
  }

  /** What everybody's state is, in short. */
  digests(): ReadonlySet<string> {
    return new Set(
      this.logs.flatMap((log, index) => {
        if (log === undefined) return []
        const { machine } = this.group(index)
        return [`${machine.applied.index} ${machine.digest()}`]
      })
    )
  }

  /** Puts so many keys, and what became of it. */
  put(index: number, count: number, sizeBytes = 16): Record<string, number> {
    const outcomes: Record<string, number> = {}
    const note = (error: ConsensusError | undefined): void => {
      const name = error?._tag ?? "ok"
      outcomes[name] = (outcomes[name] ?? 0) + 1
    }
    const { host } = this.logs[index]!
    for (let i = 0; i < count; i++) {
      const command = Sessions.plain(
        Commands.encode(Commands.put(utf8.encode(`k${i}`), new Uint8Array(sizeBytes).fill(i)))
      )
      this.group(index).propose(command, ReplicatedLog.deadlineOf(host), note)
    }
    return outcomes
  }

  change(index: number, change: ConfChange.Change, done: (voters: number | string) => void): void {
    const whole = { transition: ConfChange.transitions.auto, changes: [change], context: new Uint8Array(0) }
    this.group(index).changeMembers(whole, (error, state) => done(error?._tag ?? state!.voters.length))
  }

  get(index: number, key: string): { value: Uint8Array | undefined; error: ConsensusError | undefined } {
    const found: { value: Uint8Array | undefined; error: ConsensusError | undefined } = {
      value: undefined,
      error: undefined
    }
    const query = Commands.encodeQuery({ type: "get", key: utf8.encode(key) })
    this.group(index).read(query, ReplicatedLog.deadlineOf(this.logs[index]!.host), (error, bytes) => {
      found.error = error
      const answer = error === undefined ? Commands.decodeQueryAnswer(bytes) : undefined
      if (answer?.type === "get") found.value = answer.entry?.value
    })
    return found
  }
}

describe("three stores", () => {
  it("apply the same commands in the same order, and answer them", () => {
    const stores = new Stores({ machines: 3 })
    const outcomes = stores.put(stores.leader, 500)
    stores.bench.pass(second)
    expect(outcomes).toEqual({ ok: 500 })
    expect(stores.digests().size).toBe(1)
    expect(stores.statuses().map(({ appliedIndex }) => appliedIndex)).toEqual([502, 502, 502])
  })

  it("replicate among those that have the certificates of their stores, and not to one that has another's", () => {
    const stores = new Stores({
      machines: 3,
      tls: (store) => SimCertificate.issue("ours", [nameOf(store === 3 ? 4 : store)])
    })
    const outcomes = stores.put(stores.leader, 20)
    stores.bench.pass(second)
    expect([outcomes, stores.leader < 2]).toEqual([{ ok: 20 }, true])
    expect(stores.statuses().map(({ appliedIndex }) => appliedIndex)).toEqual([
      22, 22,
      // What every store founds the group with.
      1
    ])
  })

  it("refuse a proposal where they do not lead, and say who does", () => {
    const stores = new Stores({ machines: 3 })
    const { leader } = stores
    const errors: Array<ConsensusError | undefined> = []
    stores.group((leader + 1) % 3).propose(new Uint8Array(1), Infinity, (error) => errors.push(error))
    expect(errors).toMatchObject([{ _tag: "NotLeader", group, leader: leader + 1 }])
    expect(stores.logs[(leader + 1) % 3]!.host.metrics()).toMatchObject({
      proposals: 0,
      refused: 1,
      groups: 1,
      leading: 0
    })
  })

  it("read on any of them what was answered before", () => {
    const stores = new Stores({ machines: 3 })
    stores.put(stores.leader, 3)
    stores.bench.pass(second)
    const found = [0, 1, 2].map((index) => stores.get(index, "k2"))
    stores.bench.pass(second)
    expect(found.map(({ value }) => value?.[0])).toEqual([2, 2, 2])
  })

  it("let an idle group sleep, and wake it for a proposal", () => {
    const stores = new Stores({ machines: 3 })
    expect(stores.statuses().map(({ isAsleep }) => isAsleep)).toEqual([true, true, true])
    const outcomes = stores.put(stores.leader, 1)
    stores.bench.pass(second / 10)
    expect(outcomes).toEqual({ ok: 1 })
    stores.bench.pass(3 * second)
    expect(stores.statuses().map(({ isAsleep }) => isAsleep)).toEqual([true, true, true])
  })

  it("elect another leader for a sleeping group whose leader's store is gone", () => {
    const stores = new Stores({ machines: 3 })
    const { leader } = stores
    stores.crash(leader)
    stores.bench.pass(5 * second)
    expect(stores.leader).not.toBe(-1)
    const outcomes = stores.put(stores.leader, 10)
    stores.bench.pass(second)
    expect(outcomes).toEqual({ ok: 10 })
    stores.start(leader)
    stores.bench.pass(5 * second)
    expect(stores.digests().size).toBe(1)
  })

  it("have everything that was answered after all of them lost power", () => {
    const stores = new Stores({ machines: 3 })
    const outcomes = stores.put(stores.leader, 200)
    stores.bench.pass(second)
    expect(outcomes).toEqual({ ok: 200 })
    for (const index of [0, 1, 2]) stores.crash(index)
    for (const index of [0, 1, 2]) stores.start(index)
    stores.bench.pass(5 * second)
    const found = stores.get(stores.leader, "k199")
    stores.bench.pass(second)
    expect(found.value?.[0]).toBe(199)
    expect(stores.digests().size).toBe(1)
  })

  it("lead nothing any more once they were told to hand over, and lose nothing by it", () => {
    const stores = new Stores({ machines: 3 })
    const { leader } = stores
    const outcomes = stores.put(leader, 50)
    stores.bench.pass(second)
    stores.logs[leader]!.host.drain()
    stores.bench.pass(second)
    expect(outcomes).toEqual({ ok: 50 })
    expect([stores.leader === leader, stores.leader >= 0]).toEqual([false, true])
    expect(stores.digests().size).toBe(1)
  })

  it("take no more proposals once those that wait would be too late", () => {
    const stores = new Stores({ machines: 3, host: { uncommittedBytesMax: 100, waitTicksMax: 3 } })
    const { leader } = stores
    for (const follower of [1, 2]) stores.crash((leader + follower) % 3)
    const first = stores.put(leader, 20)
    stores.bench.pass(second / 5)
    expect([first, stores.put(leader, 1)]).toEqual([{}, {}])
    stores.bench.pass(second / 5)
    expect(stores.put(leader, 1)).toEqual({ Overloaded: 1 })
    // Then it finds out that it has no quorum any more: what was appended may yet happen, the rest does not.
    stores.bench.pass(10 * second)
    expect(first["ok"]).toBeUndefined()
    expect(Object.keys(first).sort()).toEqual(["NotLeader", "Unknown"])
  })

  it("take no more proposals while what was appended waits for its quorum too long", () => {
    const stores = new Stores({ machines: 3, host: { waitTicksMax: 3 } })
    const { leader } = stores
    for (const follower of [1, 2]) stores.crash((leader + follower) % 3)
    const first = stores.put(leader, 1)
    stores.bench.pass(second / 5)
    const next = stores.put(leader, 1)
    stores.bench.pass(second / 5)
    // Nothing waits to be appended.
    expect([first, next, stores.put(leader, 1)]).toEqual([{}, {}, { Overloaded: 1 }])
    stores.start((leader + 1) % 3)
    stores.bench.pass(second)
    expect([first, next]).toEqual([{ ok: 1 }, { ok: 1 }])
    const outcomes = stores.put(leader, 1)
    stores.bench.pass(second)
    expect(outcomes).toEqual({ ok: 1 })
  })

  it("take no more reads than may wait", () => {
    const stores = new Stores({ machines: 3, host: { readsMax: 2 } })
    const { leader } = stores
    const { host } = stores.logs[leader]!
    const answers: Array<string> = []
    for (let i = 0; i < 3; i++) {
      stores
        .group(leader)
        .read(Commands.encodeQuery({ type: "status" }), host.tick + 100, (error) => answers.push(error?._tag ?? "ok"))
    }
    expect(answers).toEqual(["Overloaded"])
    stores.bench.pass(second)
    expect(answers).toEqual(["Overloaded", "ok", "ok"])
  })

  it("stop when the sync by which a state is to become durable fails, though nothing more is to be written", () => {
    const halts: Array<string> = []
    const stores = new Stores({ machines: 1, state: { syncEntries: 5 }, halted: (message) => halts.push(message) })
    const { trail } = stores.group(0).machine as unknown as { readonly trail: { readonly isSyncing: boolean } }
    const outcomes = stores.put(0, 5)
    while (!trail.isSyncing) stores.bench.pass(10)
    expect(outcomes).toEqual({ ok: 5 })
    stores.bench.machines[0].faults.ioErrorPerMille = 1_000
    stores.bench.pass(second)
    expect(halts).toHaveLength(1)
  })

  it("append nothing behind the change by which they leave, and refuse what waits once they have left", () => {
    const stores = new Stores({ machines: 2 })
    const { leader } = stores
    const { core } = stores.group(leader).raft
    stores.change(leader, { kind: ConfChange.changeKinds.remove, node: Replica.idOf(leader + 1) }, () => {})
    stores.bench.pass(1)
    const { pendingConfIndex } = core
    expect(core.isLeaving).toBe(true)
    const outcomes = stores.put(leader, 20)
    for (let i = 0; i < 5_000 && core.role === "leader"; i++) {
      expect(core.log.lastIndex).toBe(pendingConfIndex)
      stores.bench.pass(100)
    }
    stores.bench.pass(5 * second)
    expect(outcomes).toEqual({ NotLeader: 20 })
    // The other one has heard, and goes on alone.
    expect(stores.leader).toBe(1 - leader)
    expect(stores.group(1 - leader).machine.applied.configuration.voters.length).toBe(1)
  })

  it("hand the leadership over when they are asked to", () => {
    const stores = new Stores({ machines: 3 })
    const to = (stores.leader + 1) % 3
    const ends: Array<ConsensusError | undefined> = []
    stores.group(stores.leader).transfer(to + 1, (error) => ends.push(error))
    stores.bench.pass(second)
    expect([ends, stores.leader]).toEqual([[undefined], to])
  })

  it("do not stop for a successor that has nothing yet", () => {
    const stores = new Stores({ machines: 4, founders: 3 })
    const { leader } = stores
    stores.crash(3)
    stores.change(leader, { kind: ConfChange.changeKinds.addVoter, node: Replica.idOf(4, 3_003) }, () => {})
    stores.bench.pass(second)
    const ends: Array<string | undefined> = []
    stores.group(leader).transfer(4, (error) => ends.push(error?._tag))
    const outcomes = stores.put(leader, 20)
    stores.bench.pass(second)
    expect([ends, outcomes]).toEqual([["ChangeRefused"], { ok: 20 }])
  })
})

describe("a store that joins", () => {
  it("gets what the others have cut from their logs as a snapshot, and takes part; one that leaves is told so", () => {
    const stores = new Stores({ machines: 4, founders: 3, host: { logBytesMax: 2_000 } })
    const { leader } = stores
    stores.put(leader, 3_000, 100)
    stores.bench.pass(5 * second)
    const ends: Array<unknown> = []
    stores.change(leader, { kind: ConfChange.changeKinds.addVoter, node: Replica.idOf(4, 3_003) }, (state) =>
      ends.push(state)
    )
    stores.bench.pass(10 * second)
    expect(ends).toEqual([4])
    expect(stores.statuses().map(({ appliedIndex }) => appliedIndex)[3]).toBe(stores.statuses()[0].appliedIndex)
    expect(stores.digests().size).toBe(1)
    const gone = (leader + 1) % 3
    stores.change(leader, { kind: ConfChange.changeKinds.remove, node: Replica.idOf(gone + 1) }, (state) =>
      ends.push(state)
    )
    stores.bench.pass(10 * second)
    expect(ends).toEqual([4, 3])
    expect(stores.logs[gone]!.host.group(group)).toBeUndefined()
  })

  it("as a learner, and is removed while it is cut off, finds out when it asks", () => {
    const stores = new Stores({ machines: 4, founders: 3 })
    const { leader } = stores
    const learner = Replica.idOf(4, stores.group(leader).raft.core.log.lastIndex + 1)
    const ends: Array<unknown> = []
    stores.change(leader, { kind: ConfChange.changeKinds.addLearner, node: learner }, (state) => ends.push(state))
    stores.bench.pass(5 * second)
    expect(stores.group(3).raft.core.isLearner).toBe(true)
    stores.crash(3)
    stores.change(leader, { kind: ConfChange.changeKinds.remove, node: learner }, (state) => ends.push(state))
    stores.bench.pass(5 * second)
    stores.start(3)
    stores.bench.pass(10 * second)
    expect(ends).toEqual([3, 3])
    expect(stores.logs[3]!.host.group(group)).toBeUndefined()
  })
})
