import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { scenario as archive } from "#scenarios/archive/WriteAll.ts"
import { scenario as hostClock } from "#scenarios/canary/HostClock.ts"
import { scenario as counter } from "#scenarios/counter/Durable.ts"
import { scenario as echo } from "#scenarios/echo/Stream.ts"
import { scenario as lease } from "#scenarios/register/Lease.ts"
import type { Fault, Kind } from "#sim/faults/Fault.ts"
import { Disk } from "#world/Disk.ts"
import { Host } from "#world/Host.ts"
import { Net } from "#world/Net.ts"
import { Timers } from "#world/Timers.ts"
import { Trace } from "#world/Trace.ts"
import { failedCheck } from "./Result.ts"
import { run, type RunOutput } from "./Run.ts"
import type { Judge } from "./Judge.ts"
import type { Scenario, ServerSpec } from "./Scenario.ts"
import { drawPlan } from "./Swarm.ts"

const scenarios: Readonly<Record<string, Scenario>> = { lease, counter, echo, archive }
const durationMicros = 1_500_000
const runOf = (scenario: Scenario, seed: string, options: Parameters<typeof run>[2] = {}): RunOutput =>
  run(scenario, drawPlan(scenario, { seed, durationMicros }), options)

/** What must not depend on anything but the seed. */
const course = ({ result }: RunOutput) => {
  const { eventsPerSecond: _, wallMillis: __, ...rest } = result
  return rest
}

describe.each(Object.keys(scenarios))("runs of %s", (name) => {
  const scenario = scenarios[name]

  it("take the same course twice, and again after fifty others in the same process", () => {
    const seeds = ["1", "2", "3"]
    const first = seeds.map((seed) => course(runOf(scenario, seed)))
    expect(seeds.map((seed) => course(runOf(scenario, seed)))).toEqual(first)
    for (let other = 0; other < 50; other++) {
      run(
        other % 2 === 0 ? counter : lease,
        drawPlan(other % 2 === 0 ? counter : lease, { seed: `other ${other}`, durationMicros: 100_000 })
      )
    }
    expect(seeds.map((seed) => course(runOf(scenario, seed)))).toEqual(first)
  })

  it("differ from seed to seed", () => {
    const hashes = Array.from({ length: 12 }, (_, seed) => runOf(scenario, `d${seed}`).result.traceHash)
    expect(new Set(hashes).size).toBe(12)
  })

  it("are the same whether or not they are recorded and written down", () => {
    const plain = course(runOf(scenario, "r"))
    const output = runOf(scenario, "r", { record: true, journal: true })
    expect(course(output)).toEqual(plain)
    expect(output.recording!.events.length).toBeGreaterThan(10)
  })

  it("take the same course by their journal, without the generator, and write the same journal", () => {
    for (const seed of ["j1", "j2", "j3", "j4"]) {
      const drawn = runOf(scenario, seed, { journal: true })
      const journal = structuredClone(drawn.journal!)
      // What the seed was no longer counts: all its draws are written down, but for those of the nodes' own Random.
      const replayed = run(scenario, journal.plan, { decisions: journal.decisions, journal: true })
      expect(course(replayed)).toEqual(course(drawn))
      expect(replayed.journal).toEqual(journal)
    }
  })
})

describe("a journal", () => {
  it("survives streams that nobody asks for any more, and new ones that it has not heard of", () => {
    const drawn = runOf(lease, "survivor", { journal: true })
    const { decisions, plan } = drawn.journal!
    const strange = { ...decisions, "removed/stream": [0, 7, 3, 9] }
    expect(course(run(lease, plan, { decisions: strange }))).toEqual(course(drawn))
    // A code change that draws from a stream of its own, as a new BUGGIFY site does.
    const [name] = Object.keys(decisions).filter((each) => each.includes("/latency"))
    const { [name]: _, ...without } = decisions
    const calmer = run(lease, plan, { decisions: without })
    expect(calmer.result.verdict).toBe("pass")
    expect(calmer.result.traceHash).not.toBe(drawn.result.traceHash)
  })

  it("of nothing is the calmest run: everything at its least, and it passes", () => {
    for (const scenario of Object.values(scenarios)) {
      const plan = { ...drawPlan(scenario, { seed: "calm", durationMicros }), faults: [] }
      const { journal, result } = run(scenario, plan, { decisions: {}, journal: true })
      expect([result.verdict, journal!.decisions]).toEqual(["pass", {}])
    }
  })
})

/** A scenario of one server that runs `server`, whose clients have nothing to do. */
const small = (server: Scenario["server"], rest: Partial<Scenario> = {}): Scenario => ({
  name: "test/small",
  summary: "for tests",
  nodes: { default: 1, min: 1, max: 1 },
  clients: { default: 1, min: 1, max: 1 },
  durationMicros: 1_000_000,
  livenessMicros: 1_000_000,
  server,
  workload: {
    draw: () => ({}),
    gapMicros: 100_000,
    client: () =>
      Effect.succeed((_: unknown, done: (outcome: { type: "ok"; value: number }) => void) =>
        done({ type: "ok", value: 1 })
      ),
    final: () => [{}],
    label: () => "nothing"
  },
  faults: [],
  atlas: { copiesIntactMin: Infinity },
  judges: [],
  ...rest
})

const verdictOf = (
  scenario: Scenario
): { readonly verdict: string; readonly judge: string | undefined; readonly detail: string | undefined } => {
  const { result } = run(scenario, drawPlan(scenario, { seed: "v" }))
  const failed = failedCheck(result)
  return { verdict: result.verdict, judge: failed?.name, detail: failed?.detail }
}

describe("the verdict of a run", () => {
  it("is pass when nothing is wrong", () => {
    expect(verdictOf(small(() => Effect.never))).toEqual({ verdict: "pass", judge: undefined, detail: undefined })
  })

  it("is fail by `ambient` when a node touches the host, even when it catches what the trap throws", () => {
    const careless = Effect.sync(() => {
      try {
        return Date.now()
      } catch {
        return 0
      }
    })
    const scenario = small(() => Effect.andThen(Effect.delay(careless, "10 millis"), Effect.never))
    expect(verdictOf(scenario)).toEqual({
      verdict: "fail",
      judge: "ambient",
      detail: expect.stringMatching(/^Date\.now was called at sim\/run\/Run\.test\.ts:\d+:\d+$/)
    })
    expect(verdictOf(hostClock)).toMatchObject({ verdict: "fail", judge: "ambient" })
  })

  it("is fail by `ambient` when a node makes a promise", () => {
    const scenario = small(() =>
      Effect.andThen(
        Effect.sleep("10 millis"),
        Effect.promise(() => Promise.resolve(1))
      ).pipe(Effect.andThen(Effect.never))
    )
    expect(verdictOf(scenario)).toMatchObject({
      verdict: "fail",
      judge: "ambient",
      detail: expect.stringMatching(/^a promise .*Run\.test\.ts/)
    })
  })

  it("is fail by `defects` when a node breaks, in its program or in a sink", () => {
    expect(verdictOf(small(() => Effect.die(new Error("broken"))))).toMatchObject({
      verdict: "fail",
      judge: "defects",
      detail: "n0: Error: broken"
    })
    const sink = Effect.gen(function* () {
      const port = (yield* Timers).attach({
        fired: () => {
          throw new Error("broken sink")
        }
      })
      port.set(0, 10)
      return yield* Effect.never
    })
    expect(verdictOf(small(() => sink))).toMatchObject({
      verdict: "fail",
      judge: "defects",
      detail: "n0: Error: broken sink"
    })
  })

  it("is fail by `errors` at an ERROR event, and by a judge at the event that breaks its promise", () => {
    const emit = (level: "error" | "info") =>
      small(
        () =>
          Effect.flatMap(Trace, (trace) =>
            Effect.andThen(
              Effect.sync(() => trace.emit(level, "test/event", { value: 7 })),
              Effect.never
            )
          ),
        {
          judges: [
            {
              name: "no-sevens",
              make: () => ({
                observe: ({ fields, level: found }) =>
                  found === "info" && fields["value"] === 7 ? { detail: "a seven" } : undefined
              })
            }
          ]
        }
      )
    expect(verdictOf(emit("error"))).toMatchObject({
      verdict: "fail",
      judge: "errors",
      detail: 'n0: test/event {"value":7}'
    })
    expect(verdictOf(emit("info"))).toEqual({ verdict: "fail", judge: "no-sevens", detail: "a seven" })
  })

  it("is fail by a judge at a datagram, and by one of the inside behind what it leads to", () => {
    const says = Effect.fnUntraced(function* (spec: ServerSpec) {
      const disk = yield* Disk
      const net = yield* Net
      const trace = yield* Trace
      const socket = yield* net.bind(spec.self, { received: () => {} })
      const file = yield* disk.open("file", { create: true })
      yield* disk.syncDirectory("")
      yield* file.append(Uint8Array.of(7))
      socket.send({ host: "c0", port: 1 }, Uint8Array.of(7))
      yield* file.sync
      trace.emit("info", "test/late")
      return yield* Effect.never
    }, Effect.scoped)
    const early = (inside: { readonly inside?: true }): Judge => ({
      name: "early",
      ...inside,
      make: ({ durable }) => ({
        sent: ({ bytes, from, to }) => ({
          detail: `${bytes[0]} from ${from} to ${to}, on disk: ${durable(0, "file")?.length}`
        })
      })
    })
    const late: Judge = {
      name: "late",
      make: () => ({ observe: ({ name }) => (name === "test/late" ? { detail: "late" } : undefined) })
    }
    const failing = (judges: ReadonlyArray<Judge>) => verdictOf(small(says, { judges }))
    const seen = { verdict: "fail", judge: "early", detail: "7 from 0 to 1, on disk: 0" }
    expect(failing([early({})])).toEqual(seen)
    expect(failing([late, early({})])).toEqual(seen)
    expect(failing([late, early({ inside: true })])).toEqual({ verdict: "fail", judge: "late", detail: "late" })
  })

  it("is fail by `liveness` when a client's final operation does not succeed in time", () => {
    const scenario = small(() => Effect.never)
    const mute: Scenario = { ...scenario, workload: { ...scenario.workload, client: () => Effect.succeed(() => {}) } }
    expect(verdictOf(mute)).toMatchObject({
      verdict: "fail",
      judge: "liveness",
      detail: expect.stringContaining("client 0: nothing")
    })
  })

  it("is error when a client breaks, or the code around the nodes: nothing is said of the servers", () => {
    const scenario = small(() => Effect.never)
    const broken: Scenario = {
      ...scenario,
      workload: { ...scenario.workload, client: () => Effect.die(new Error("broken client")) }
    }
    expect(verdictOf(broken)).toMatchObject({
      verdict: "error",
      judge: "simulator",
      detail: expect.stringContaining("broken client")
    })
    const judge: Scenario = {
      ...scenario,
      judges: [
        {
          name: "broken",
          make: () => ({
            finish: () => {
              throw new Error("broken judge")
            }
          })
        }
      ]
    }
    expect(verdictOf(judge)).toMatchObject({
      verdict: "error",
      judge: "simulator",
      detail: expect.stringContaining("broken judge")
    })
  })

  it("leaves the process as it was, whatever it is", () => {
    for (const scenario of [hostClock, small(() => Effect.die("broken"))]) verdictOf(scenario)
    expect(Date.now()).toBeGreaterThan(0)
    expect(Math.random()).toBeLessThan(1)
  })
})

describe("a server", () => {
  const starts = (
    server: (start: number) => Effect.Effect<void, unknown, Host>,
    faults: Scenario["faults"] = []
  ): ReadonlyArray<number> => {
    const incarnations: Array<number> = []
    const scenario = small(
      () =>
        Effect.flatMap(Host, ({ incarnation }) => {
          incarnations.push(incarnation)
          return server(incarnation)
        }),
      { faults, durationMicros: 3_000_000, versions: 2 }
    )
    const { result } = run(scenario, drawPlan(scenario, { seed: "s", ...(faults.length > 0 ? { faults } : {}) }))
    expect(result.verdict).toBe("pass")
    return incarnations
  }

  it("that ends, fails or exits is started again, as by a process manager", () => {
    const restarted = (first: Effect.Effect<void, unknown, Host>): ReadonlyArray<number> =>
      starts((start) => (start < 3 ? first : Effect.never))
    expect(restarted(Effect.void)).toEqual([1, 2, 3])
    expect(restarted(Effect.fail("disk"))).toEqual([1, 2, 3])
    expect(restarted(Effect.flatMap(Host, (host) => Effect.sync(() => host.exit(1))))).toEqual([1, 2, 3])
  })

  it("is down for as long as the latest fault says, where several take it down", () => {
    const seen: Array<number> = []
    const scenario = small(
      () =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          seen.push(now)
          return Effect.never
        }),
      { durationMicros: 5_000_000, atlas: { copiesIntactMin: 0 } }
    )
    const { faults: _, ...plan } = drawPlan(scenario, { seed: "s" })
    const at = (kind: Kind, atMillis: number, forMillis: number): Fault => ({
      kind,
      atMicros: atMillis * 1_000,
      forMicros: forMillis * 1_000,
      nodes: [0],
      amount: 0
    })
    const faults = [at("crash", 1_000, 300), at("wipe", 1_200, 600), at("wipe", 2_500, 900), at("wipe", 2_600, 100)]
    expect(run(scenario, { ...plan, faults }).result.verdict).toBe("pass")
    const first = seen[0] - (seen[0] % 1_000)
    expect(seen.slice(1).map((millis) => millis - first)).toEqual([1_800, 2_700])
  })

  it("runs with the version and the options that its last restart gave it", () => {
    const seen: Array<string> = []
    const shapes = new Set<unknown>()
    const scenario = small(
      ({ options, version }) => {
        seen.push(`version ${version}, colour ${options["colour"]}`)
        shapes.add(options["shape"])
        return Effect.never
      },
      {
        versions: 3,
        options: { colour: ["red", "green", "blue"], shape: ["round", "square", "long"] },
        sharedOptions: ["shape"],
        durationMicros: 20_000_000
      }
    )
    const { faults: _, ...plan } = drawPlan(scenario, { seed: "s" })
    const at = (kind: Kind, second: number, amount: number): Fault => ({
      kind,
      atMicros: second * 1_000_000,
      forMicros: 1_000,
      nodes: [0],
      amount
    })
    const faults = [
      at("version", 1, 2),
      at("crash", 2, 0),
      ...Array.from({ length: 8 }, (_, draw) => at("config", 3 + draw, draw)),
      at("version", 12, 0)
    ]
    expect(run(scenario, { ...plan, faults }).result.verdict).toBe("pass")
    const first = `version 0, colour ${plan.options["colour"]}`
    const restarted = first.replace("0", "2")
    expect(seen.slice(0, 3)).toEqual([first, restarted, restarted])
    expect(new Set(seen.slice(3, 11))).toEqual(
      new Set(["red", "green", "blue"].map((colour) => `version 2, colour ${colour}`))
    )
    // Options stay until the next change of them.
    expect(seen[11]).toBe(seen[10].replace("2", "0"))
    expect([...shapes]).toEqual([plan.options["shape"]])
  })

  it.each(["crash", "stop", "version", "config", "lose-unsynced"] as const)(
    "that a %s took down is started again, once a fault",
    (kind) => {
      const incarnations = starts(() => Effect.never, [kind])
      expect(incarnations.length).toBeGreaterThan(1)
      expect(incarnations).toEqual(incarnations.map((_, index) => index + 1))
    }
  )
})
