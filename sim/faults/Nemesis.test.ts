import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { Draw } from "#sim/kernel/Draw.ts"
import { prngOf } from "#sim/kernel/Stream.ts"
import { TestBench, type BenchOptions } from "#sim/world/TestBench.ts"
import { pattern } from "#world/contract/Claim.ts"
import { End } from "#world/contract/StreamEnd.ts"
import { Disk, type Port as DiskPort } from "#world/Disk.ts"
import { Net, type Port as NetPort } from "#world/Net.ts"
import { kinds, type Fault, type Kind } from "./Fault.ts"
import { Nemesis, type Victim } from "./Nemesis.ts"
import { drawSchedule } from "./Schedule.ts"

const second = 1_000_000
const servers = 3

/** Three servers that listen and have a synced file, and two clients. */
const cluster = (options: BenchOptions = {}) => {
  const bench = new TestBench({ machines: 5, ...options })
  const accepted: Array<End> = []
  const ports: Array<NetPort> = []
  const disks: Array<DiskPort> = []
  const struck: Array<string> = []
  const paused: Array<string> = []
  const changes: Array<unknown> = []
  const wiped: Array<number> = []
  const program = (machine: number) =>
    Effect.gen(function* () {
      const [disk, net] = [yield* Disk, yield* Net]
      ports[machine] = net.port
      disks[machine] = disk.port
      yield* net.listen({ host: `n${machine}`, port: 80 }, (connection) => {
        const end = new End({ expectedKey: 1 })
        end.connection = connection
        accepted.push(end)
        return end
      })
      const file = yield* disk.open("log", { create: true })
      yield* file.writeAt(0, pattern(7, 0, 2_000))
      yield* file.sync
      yield* disk.syncDirectory("")
      return yield* Effect.never
    })
  const start = (machine: number): void => {
    if (!bench.machines[machine].isUp) bench.machines[machine].start(Effect.orDie(program(machine)))
  }
  const victim: Victim = {
    kernel: bench.kernel,
    net: bench.net,
    machines: bench.machines,
    servers,
    atlas: bench.atlas,
    startIn: (server, delayMicros) => bench.kernel.call(bench.kernel.now + delayMicros, () => start(server)),
    change: (server, change) => changes.push({ server, ...change }),
    struck: (fault, detail) => struck.push(`${fault.kind}: ${detail}`),
    paused: (server, is) => paused.push(`n${server} ${is ? "stands still" : "goes on"} at ${bench.kernel.now}`),
    wiped: (server) => wiped.push(server)
  }
  const nemesis = new Nemesis(victim)
  bench.watched(() => bench.machines.forEach((_, machine) => start(machine)))
  bench.pass(second)
  const dial = (from: number, to: number): End => {
    const end = new End({ expectedKey: 2 })
    end.connection = ports[from].dial({ host: `n${to}`, port: 80 }, end)
    bench.pass(second / 10)
    expect(end.events).toEqual(["opened"])
    return end
  }
  return { bench, nemesis, struck, paused, changes, wiped, accepted, disks, dial, machines: bench.machines }
}

type Cluster = ReturnType<typeof cluster>

/** A fault that begins `at` seconds from now. */
const fault = (
  { bench }: Cluster,
  kind: Kind,
  rest: Partial<Omit<Fault, "kind" | "atMicros">> & { at?: number } = {}
): Fault => ({
  kind,
  atMicros: bench.kernel.now + (rest.at ?? 0) * second,
  forMicros: rest.forMicros ?? second,
  nodes: rest.nodes ?? [],
  amount: rest.amount ?? 0
})

/** Which ways are cut: "from>to". */
const cutWays = ({ bench }: Cluster): ReadonlyArray<string> =>
  bench.net.allLinks.filter((link) => link.cuts > 0).map(({ from, to }) => `${from}>${to}`)

/** Strikes with one fault and looks at the cluster while it lasts, and after. */
const during = <A>(
  kind: Kind,
  rest: Parameters<typeof fault>[2],
  look: (cluster: Cluster) => A,
  options: BenchOptions = {}
) => {
  const all = cluster(options)
  const before = look(all)
  all.nemesis.schedule([fault(all, kind, { forMicros: second, ...rest })])
  all.bench.pass(second / 2)
  const within = look(all)
  all.bench.pass(5 * second)
  return { before, within, after: look(all), struck: all.struck, all }
}

describe("faults of all links", () => {
  it.each([
    ["delay", "delayMicros"],
    ["loss", "lossPerMille"],
    ["duplicate", "duplicatePerMille"],
    ["reorder", "reorderPerMille"],
    ["fragment", "fragmentBytes"]
  ] as const)("%s is on every link by its amount while it lasts, and on none before and after", (kind, field) => {
    const look = ({ bench }: Cluster): ReadonlyArray<number> => [
      ...new Set(bench.net.allLinks.map((link) => link[field]))
    ]
    expect(during(kind, { amount: 123 }, look)).toMatchObject({
      before: [0],
      within: [123],
      after: [0],
      struck: [`${kind}: all links, 123`]
    })
  })

  it("clog stops all links, then lets them go on one by one, all within its time", () => {
    const all = cluster()
    const clogged = (): number => all.bench.net.allLinks.filter((link) => link.clogs > 0).length
    all.nemesis.schedule([fault(all, "clog")])
    const counts: Array<number> = []
    for (let step = 0; step <= 20; step++) {
      all.bench.pass(second / 20)
      counts.push(clogged())
    }
    expect(counts[0]).toBeGreaterThan(15)
    expect(counts.at(-1)).toBe(0)
    expect(counts).toEqual([...counts].sort((left, right) => right - left))
    expect(new Set(counts).size).toBeGreaterThan(5)
  })
})

describe("partitions", () => {
  const ways = (pairs: ReadonlyArray<readonly [number, number]>): ReadonlyArray<string> =>
    pairs
      .flatMap(([one, other]) => [`${one}>${other}`, `${other}>${one}`])
      .sort((left, right) => (left < right ? -1 : 1))

  it.each([
    [
      "partition",
      { nodes: [0] },
      ways([
        [0, 1],
        [0, 2]
      ])
    ],
    [
      "partition",
      { nodes: [0, 2] },
      ways([
        [0, 1],
        [1, 2]
      ])
    ],
    [
      "partition",
      { nodes: [0], amount: 1 },
      ways([
        [0, 1],
        [0, 2],
        [0, 3],
        [0, 4]
      ])
    ],
    ["one-way", { nodes: [0, 1] }, ["0>1"]],
    ["one-way", { nodes: [1] }, ["1>3", "1>4"]],
    ["partial", { nodes: [2, 0] }, ways([[0, 2]])]
  ] as const)("%s of %o cuts these ways and no others: %o", (kind, rest, cut) => {
    expect(during(kind, rest, cutWays)).toMatchObject({ before: [], within: cut, after: [] })
  })
})

describe("faults of streams", () => {
  it("half-open silences the connections of a node without a word, and both ends learn of it when it is over", () => {
    const all = cluster()
    const [touched, other] = [all.dial(3, 0), all.dial(3, 1)]
    all.nemesis.schedule([fault(all, "half-open", { nodes: [0], forMicros: 10 * second })])
    all.bench.pass(second)
    touched.connection.write(pattern(1, 0, 100))
    other.connection.write(pattern(1, 0, 100))
    all.bench.pass(8 * second)
    expect([touched.events, all.accepted[0].receivedBytes, all.accepted[1].receivedBytes]).toEqual([["opened"], 0, 100])
    all.bench.pass(2 * second)
    expect([touched.error?.code, all.accepted[0].error?.code, other.isClosed]).toEqual(["reset", "reset", false])
    expect(all.struck).toEqual(["half-open: n0: 2 ends"])
  })

  it("half-open ends for the one end also when the other is gone by then", () => {
    for (const gone of ["crash", "reset"]) {
      const all = cluster()
      const near = all.dial(3, 0)
      all.nemesis.schedule([fault(all, "half-open", { nodes: [0], forMicros: 10 * second })])
      all.bench.pass(second)
      if (gone === "crash") all.machines[0].crash({ powerLost: false })
      else all.accepted[0].connection.reset()
      all.bench.pass(second)
      expect(near.events).toEqual(["opened"])
      all.bench.pass(10 * second)
      expect(near.error?.code).toBe("reset")
    }
  })

  it("half-open by two faults lasts as long as the longer", () => {
    const all = cluster()
    const near = all.dial(1, 0)
    all.nemesis.schedule([
      fault(all, "half-open", { nodes: [0], forMicros: 10 * second }),
      fault(all, "half-open", { nodes: [1], forMicros: 2 * second, at: 1 })
    ])
    all.bench.pass(6 * second)
    expect(near.events).toEqual(["opened"])
    all.bench.pass(6 * second)
    expect(near.error?.code).toBe("reset")
  })

  it("reset breaks all connections of a node at both ends, and no other", () => {
    const all = cluster()
    const [touched, other] = [all.dial(3, 0), all.dial(3, 1)]
    all.nemesis.schedule([fault(all, "reset", { nodes: [0] })])
    all.bench.pass(second)
    expect([touched.error?.code, all.accepted[0].error?.code, other.isClosed]).toEqual(["reset", "reset", false])
    expect(all.struck).toEqual(["reset: n0: 2 ends"])
  })

  it.each(["reset", "half-open"] as const)("%s does not count where there is nothing to break", (kind) => {
    expect(during(kind, { nodes: [0] }, () => 0).struck).toEqual([])
  })

  it("slow-link is on all links of its node, both ways, and on no other", () => {
    const slow = ({ bench }: Cluster): ReadonlyArray<number> =>
      bench.net.allLinks.map((link) => (link.from === 1 || link.to === 1 ? 1 : 0) * 1_000 + link.bytesPerMilli)
    const { after, before, within } = during("slow-link", { nodes: [1], amount: 50 }, slow)
    expect(within).toEqual(before.map((each) => (each === 1_000 ? 1_050 : 0)))
    expect(after).toEqual(before)
  })
})

describe("faults of disks", () => {
  it.each([
    ["io-error", "ioErrorPerMille", 77],
    ["slow-sync", "slowSyncMicros", 77],
    ["disk-full", "full", true],
    ["stuck-sync", "stuck", true],
    ["lying-sync", "lying", true]
  ] as const)("%s is on its node while it lasts, and only there", (kind, field, value) => {
    const look = ({ machines }: Cluster): ReadonlyArray<unknown> => machines.map(({ faults }) => faults[field])
    const calm = typeof value === "number" ? 0 : false
    const { after, before, within } = during(kind, { nodes: [1], amount: 77 }, look, { atlas: { copiesIntactMin: 1 } })
    expect([before, within, after]).toEqual([Array(5).fill(calm), [calm, value, calm, calm, calm], Array(5).fill(calm)])
  })

  it("stuck-sync lets go of what it held when it ends", () => {
    const all = cluster()
    const answers: Array<string> = []
    all.nemesis.schedule([fault(all, "stuck-sync", { nodes: [0] })])
    all.bench.pass(second / 2)
    all.disks[0].syncDirectory("", (error) => answers.push(error?.code ?? "ok"))
    all.bench.pass(second / 4)
    expect(answers).toEqual([])
    all.bench.pass(second)
    expect(answers).toEqual(["ok"])
  })

  it.each([
    ["lose-unsynced", { losesUnsynced: true, tearsWrites: false, losesEntries: false }],
    ["torn-write", { losesUnsynced: true, tearsWrites: true, losesEntries: false }],
    ["lose-directory-entry", { losesUnsynced: false, tearsWrites: false, losesEntries: true }]
  ] as const)("%s is a loss of power that takes just that, and the node restarts after its time", (kind, taken) => {
    const { after, all, before, within } = during(kind, { nodes: [2] }, ({ machines }) =>
      machines.map(({ isUp }) => isUp)
    )
    expect([before, within, after]).toEqual([Array(5).fill(true), [true, true, false, true, true], Array(5).fill(true)])
    expect(all.machines[2].faults).toMatchObject(taken)
    expect(all.bench.story.filter((line) => line === "n2 started").length).toBe(2)
  })

  it("misdirect waits for the next write, which it puts one sector off", () => {
    const all = cluster({ atlas: { copiesIntactMin: 0 } })
    all.nemesis.schedule([fault(all, "misdirect", { nodes: [0] })])
    all.bench.pass(second)
    expect(all.machines.map(({ faults }) => faults.misdirectNext)).toEqual([true, false, false, false, false])
  })

  it("bit-rot flips as many bits as its amount, where the atlas lets it", () => {
    expect(during("bit-rot", { nodes: [0], amount: 2 }, () => 0, { atlas: { copiesIntactMin: 0 } }).struck).toEqual([
      expect.stringMatching(/^bit-rot: n0: log at \d+, log at \d+$/)
    ])
    expect(during("bit-rot", { nodes: [0], amount: 2 }, () => 0).struck).toEqual([])
  })

  it("lying-sync and wipe do not happen where the protocol would not survive them", () => {
    expect(during("lying-sync", { nodes: [0] }, () => 0).struck).toEqual([])
    expect(during("wipe", { nodes: [0] }, () => 0).struck).toEqual([])
    const all = cluster({ atlas: { copiesIntactMin: 4 } })
    all.nemesis.schedule([
      fault(all, "wipe", { nodes: [0] }),
      fault(all, "wipe", { nodes: [1], at: 1 }),
      fault(all, "lying-sync", { nodes: [2], at: 2 })
    ])
    all.bench.pass(5 * second)
    expect([all.struck, all.wiped]).toEqual([["wipe: n0"], [0]])
  })
})

describe("faults of clocks", () => {
  const offsets = ({ machines }: Cluster): ReadonlyArray<number> => machines.map(({ clock }) => clock.wallOffsetMicros)

  it.each(["skew", "step"] as const)("%s moves the wall clock of its node for good, and no monotonic clock", (kind) => {
    const { after, before, within } = during(kind, { nodes: [1], amount: -5 * second }, offsets)
    expect([before, within, after]).toEqual([
      [0, 0, 0, 0, 0],
      [0, -5 * second, 0, 0, 0],
      [0, -5 * second, 0, 0, 0]
    ])
  })

  it("drift lets the clocks of its node run too fast while it lasts", () => {
    const all = cluster()
    all.nemesis.schedule([fault(all, "drift", { nodes: [1], amount: 500, forMicros: 100 * second })])
    const [from, other] = [all.machines[1].clock.monotonicMicros(), all.machines[0].clock.monotonicMicros()]
    all.bench.pass(200 * second)
    expect(all.machines[1].clock.monotonicMicros() - from).toBe(200 * second + 50_000)
    expect(all.machines[0].clock.monotonicMicros() - other).toBe(200 * second)
  })
})

describe("faults of processes", () => {
  const up = ({ machines }: Cluster): ReadonlyArray<boolean> => machines.slice(0, servers).map(({ isUp }) => isUp)

  it.each(["crash", "stop", "version", "config", "wipe"] as const)(
    "%s takes its node down for its time, and then starts it again",
    (kind) => {
      const { after, all, before, within } = during(kind, { nodes: [1], amount: 3, forMicros: 4 * second }, up, {
        atlas: { copiesIntactMin: 1 }
      })
      expect([before, within]).toEqual([
        [true, true, true],
        [true, false, true]
      ])
      expect(after).toEqual([true, true, true])
      const restarted = all.bench.notes.filter(({ machine, what }) => machine === 1 && what === "started")
      expect(restarted[1].atMicros).toBeGreaterThanOrEqual(second + 4 * second)
      expect(all.bench.story.includes("n1 stopped")).toBe(kind === "stop")
      expect(all.changes).toEqual(
        kind === "version" ? [{ server: 1, version: 3 }] : kind === "config" ? [{ server: 1, optionsDraw: 3 }] : []
      )
      expect(all.wiped).toEqual(kind === "wipe" ? [1] : [])
    }
  )

  it.each(["crash", "stop", "pause", "version", "config", "kill-at-io"] as const)(
    "%s does not count on a node that is down",
    (kind) => {
      const all = cluster()
      all.nemesis.schedule([
        fault(all, "crash", { nodes: [0], forMicros: 10 * second }),
        fault(all, kind, { nodes: [0], at: 1, amount: 1 })
      ])
      all.bench.pass(5 * second)
      expect(all.struck).toEqual(["crash: n0"])
    }
  )

  it("pause stands still for its time, and one that ends within another does not end that", () => {
    const all = cluster()
    const from = all.bench.kernel.now
    all.nemesis.schedule([
      fault(all, "pause", { nodes: [0], forMicros: 10 * second }),
      fault(all, "pause", { nodes: [0], forMicros: 2 * second, at: 1 }),
      fault(all, "pause", { nodes: [0], forMicros: 4 * second, at: 8 })
    ])
    all.bench.pass(30 * second)
    expect(all.paused).toEqual([`n0 stands still at ${from}`, `n0 goes on at ${from + 12 * second}`])
  })

  it("pause is of a process: the end of one does not wake the next incarnation from its own", () => {
    const all = cluster()
    const from = all.bench.kernel.now
    all.nemesis.schedule([
      fault(all, "pause", { nodes: [0], forMicros: 5 * second }),
      fault(all, "crash", { nodes: [0], forMicros: second, at: 1 }),
      fault(all, "pause", { nodes: [0], forMicros: 10 * second, at: 3 })
    ])
    all.bench.pass(7 * second)
    expect(all.machines[0].epoch?.paused).toBe(true)
    all.bench.pass(10 * second)
    expect(all.paused.at(-1)).toBe(`n0 goes on at ${from + 13 * second}`)
  })

  it("power loss waits for the next sync when it is told to, of a file or a directory, and takes what that did not finish", () => {
    for (const kind of ["lose-unsynced", "torn-write", "lose-directory-entry"] as const) {
      const all = cluster()
      all.nemesis.schedule([fault(all, kind, { nodes: [0], amount: 1, forMicros: 7 * second })])
      all.bench.pass(second)
      expect(all.struck).toEqual([`${kind}: n0: inside its next sync`])
      const answers: Array<string> = []
      all.disks[0].makeDirectory("a", (error) => answers.push(error?.code ?? "ok"))
      all.bench.pass(second)
      expect([all.machines[0].isUp, answers]).toEqual([true, ["ok"]])
      all.disks[0].syncDirectory("", () => answers.push("synced"))
      all.bench.pass(second)
      expect([all.machines[0].isUp, answers, all.bench.story.at(-1)]).toEqual([false, ["ok"], "n0 killed"])
      expect(all.machines[0].faults).toMatchObject({ killDownMicros: 7 * second, killAtSync: false })
    }
  })

  it("kill-at-io kills in the disk call that it names, tells how long the node is down, and the nearer of two counts", () => {
    const all = cluster()
    all.nemesis.schedule([
      fault(all, "kill-at-io", { nodes: [0], amount: 3, forMicros: 7 * second }),
      fault(all, "kill-at-io", { nodes: [0], amount: 30, forMicros: 7 * second })
    ])
    all.bench.pass(second)
    const answers: Array<string> = []
    for (let call = 1; call <= 3; call++) {
      expect(all.machines[0].isUp).toBe(true)
      all.disks[0].list("", (error) => answers.push(error?.code ?? "ok"))
      all.bench.pass(second)
    }
    expect([all.machines[0].isUp, answers, all.bench.story.at(-1)]).toEqual([false, ["ok", "ok"], "n0 killed"])
    expect(all.machines[0].faults.killDownMicros).toBe(7 * second)
  })
})

describe("overlapping faults", () => {
  it.each([
    ["delay", 100, 900],
    ["loss", 100, 900],
    ["duplicate", 100, 900],
    ["reorder", 100, 900],
    ["fragment", 64, 3],
    ["slow-link", 200, 5],
    ["io-error", 10, 200],
    ["slow-sync", 10, 200]
  ] as const)(
    "of %s: the worse of %d and %d holds while both last, and the other one after it, in either order",
    (kind, mild, bad) => {
      const amounts = (all: Cluster): ReadonlyArray<number> => {
        const link = all.bench.net.link(0, 1)
        const { faults } = all.machines[0]
        return [
          link.delayMicros,
          link.lossPerMille,
          link.duplicatePerMille,
          link.reorderPerMille,
          link.fragmentBytes,
          link.bytesPerMilli,
          faults.ioErrorPerMille,
          faults.slowSyncMicros
        ].filter((amount) => amount > 0)
      }
      for (const [long, short] of [
        [mild, bad],
        [bad, mild]
      ]) {
        const all = cluster()
        all.nemesis.schedule([
          fault(all, kind, { nodes: [0], amount: long, forMicros: 10 * second }),
          fault(all, kind, { nodes: [kind === "slow-link" ? 1 : 0], amount: short, forMicros: 2 * second, at: 2 })
        ])
        const seen: Array<ReadonlyArray<number>> = []
        for (const wait of [1, 2, 4, 10]) {
          all.bench.pass(wait * second)
          seen.push(amounts(all))
        }
        expect(seen).toEqual([[long], [bad], [long], []])
      }
    }
  )

  it("of the cutting kinds: a way is open again only when all that cut it are over", () => {
    const all = cluster()
    all.nemesis.schedule([
      fault(all, "partition", { nodes: [0], forMicros: 4 * second }),
      fault(all, "one-way", { nodes: [0, 1], forMicros: 2 * second, at: 1 }),
      fault(all, "partial", { nodes: [0, 1], forMicros: 5 * second, at: 2 })
    ])
    const seen: Array<boolean> = []
    for (let at = 0; at < 8; at++) {
      all.bench.pass(second)
      seen.push(cutWays(all).includes("0>1"))
    }
    expect(seen).toEqual([true, true, true, true, true, true, false, false])
  })

  it("of a clog and a partition: neither opens what the other closes", () => {
    const all = cluster()
    all.nemesis.schedule([
      fault(all, "clog", { forMicros: second }),
      fault(all, "partition", { nodes: [0], forMicros: 5 * second })
    ])
    all.bench.pass(2 * second)
    expect([all.bench.net.link(0, 1).isOpen, all.bench.net.link(1, 2).isOpen]).toEqual([false, true])
  })

  it("of drift: the latest decides, and no two together leave the bound", () => {
    const all = cluster()
    all.nemesis.schedule([
      fault(all, "drift", { nodes: [0], amount: 500, forMicros: 100 * second }),
      fault(all, "drift", { nodes: [0], amount: 400, forMicros: 50 * second })
    ])
    const from = all.machines[0].clock.monotonicMicros()
    all.bench.pass(200 * second)
    expect(all.machines[0].clock.monotonicMicros() - from).toBe(200 * second + 20_000 + 25_000)
  })
})

describe("a schedule", () => {
  it("leaves out the faults of nodes that the cluster does not have", () => {
    const all = cluster()
    all.nemesis.schedule([fault(all, "crash", { nodes: [3] }), fault(all, "pause", { nodes: [7] })])
    all.bench.pass(5 * second)
    expect([all.struck, all.bench.story.length]).toEqual([[], 5])
  })
})

describe("healing", () => {
  /** What is wrong with a cluster, in words. */
  const wrong = ({ bench, machines }: Cluster): ReadonlyArray<string> => [
    ...bench.net.allLinks.flatMap((link) => {
      const {
        bytesPerMilli,
        clogs,
        cuts,
        delayMicros,
        duplicatePerMille,
        fragmentBytes,
        lossPerMille,
        reorderPerMille
      } = link
      const state = {
        bytesPerMilli,
        clogs,
        cuts,
        delayMicros,
        duplicatePerMille,
        fragmentBytes,
        lossPerMille,
        reorderPerMille,
        waiting: link.waiting.length
      }
      return Object.entries(state).flatMap(([name, value]) =>
        value === 0 ? [] : [`${link.from}>${link.to} ${name} ${value}`]
      )
    }),
    ...machines.flatMap(({ disk, epoch, faults, name }) => {
      const { full, ioErrorPerMille, killAtCall, lying, misdirectNext, slowSyncMicros, stuck } = faults
      const state = {
        full,
        ioErrorPerMille,
        killAtCall,
        lying,
        misdirectNext,
        slowSyncMicros,
        stuck,
        held: disk.stuck.length,
        down: epoch === undefined,
        paused: epoch?.paused ?? false
      }
      return Object.entries(state).flatMap(([what, value]) =>
        value === 0 || value === false ? [] : [`${name} ${what} ${value}`]
      )
    })
  ]

  it("ends whatever strikes and whatever would strike still, and everybody runs and hears each other", () => {
    for (let seed = 0; seed < 40; seed++) {
      const all = cluster({ seed: `${seed}`, atlas: { copiesIntactMin: 2 } })
      const shape = { nodes: servers, durationMicros: 10 * second, versions: 2, driftPpmMax: 500 }
      const schedule = drawSchedule(new Draw(prngOf(`${seed}`, "faults")), shape, { allowed: kinds, all: true })
      const ends = [all.dial(3, 0), all.dial(4, 1), all.dial(0, 2)]
      all.nemesis.schedule(schedule)
      all.bench.pass(6 * second)
      expect(all.struck.length).toBeGreaterThan(0)
      all.nemesis.heal()
      // A node that drains may take until it is stopped by force, and is down for some time then.
      all.bench.pass(20 * second)
      expect(wrong(all)).toEqual([])
      // Connections live, or both of their ends know that they do not.
      for (const end of [...ends, ...all.accepted]) end.connection.write(new Uint8Array(1))
      all.bench.pass(20 * second)
      expect(wrong(all)).toEqual([])
      for (let machine = 0; machine < 5; machine++) {
        for (const connection of all.bench.net.connectionsOf(machine)) {
          expect(connection.silent).toBe(false)
          expect(connection.peer !== undefined && !connection.peer.isOver).toBe(true)
        }
      }
      for (let from = 0; from < 5; from++) all.dial(from, (from + 1) % servers)
    }
  })

  it("stops the drift of clocks, and leaves them where they are", () => {
    const all = cluster()
    all.nemesis.schedule([
      fault(all, "drift", { nodes: [0], amount: 500, forMicros: 1_000 * second }),
      fault(all, "step", { nodes: [0], amount: second })
    ])
    all.bench.pass(100 * second)
    all.nemesis.heal()
    const from = all.machines[0].clock.monotonicMicros()
    all.bench.pass(100 * second)
    expect(all.machines[0].clock.monotonicMicros() - from).toBe(100 * second)
    expect(all.machines[0].clock.wallOffsetMicros).toBe(second)
  })
})
