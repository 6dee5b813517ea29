import { describe, expect, it } from "vitest"
import { driftPpmMax } from "#sim/faults/Fault.ts"
import type { PolicyName } from "#sim/kernel/PolicyName.ts"
import type { Claim } from "#world/contract/Claim.ts"
import * as ClockContract from "#world/contract/ClockContract.ts"
import * as DiskContract from "#world/contract/DiskContract.ts"
import * as HostContract from "#world/contract/HostContract.ts"
import * as NetContract from "#world/contract/NetContract.ts"
import * as TlsContract from "#world/contract/TlsContract.ts"
import * as TimersContract from "#world/contract/TimersContract.ts"
import * as TraceContract from "#world/contract/TraceContract.ts"
import * as WorkersContract from "#world/contract/WorkersContract.ts"
import * as SimCertificate from "./SimCertificate.ts"
import { outcomeOf, type TestBench } from "./TestBench.ts"

const contracts: Readonly<Record<string, ReadonlyArray<Claim>>> = {
  Disk: DiskContract.claims,
  Net: NetContract.claims({ host: "n0" }),
  "Net, lending reads": NetContract.lendingClaims({ host: "n0" }),
  "Net, with TLS": TlsContract.claims("n0", {
    one: SimCertificate.issue("a", ["store-1"]),
    two: SimCertificate.issue("a", ["store-2"]),
    stranger: { ...SimCertificate.issue("b", ["store-2"]), authority: SimCertificate.issue("a", []).authority }
  }),
  Timers: TimersContract.claims,
  "Clock, Random, Scheduler": ClockContract.claims,
  Host: HostContract.claims,
  Trace: TraceContract.claims,
  Workers: WorkersContract.claims
}

const courses: ReadonlyArray<{ readonly seed: string; readonly policy: PolicyName; readonly preemptionOneIn: number }> =
  [
    { seed: "1", policy: "fifo", preemptionOneIn: 0 },
    { seed: "2", policy: "fifo", preemptionOneIn: 8 },
    { seed: "3", policy: "uniform", preemptionOneIn: 0 },
    { seed: "4", policy: "uniform", preemptionOneIn: 8 },
    { seed: "5", policy: "pct", preemptionOneIn: 16 },
    { seed: "6", policy: "starve", preemptionOneIn: 12 }
  ]

/** Machines whose clocks drift as far as clocks may, and whose streams are cut to pieces. */
const hardships: ReadonlyArray<(bench: TestBench) => void> = [
  ({ machines, net }) => {
    machines[0].clock.drift(driftPpmMax)
    net.link(0, 0).fragmentBytes = 1_000
  },
  ({ machines, net }) => {
    machines[0].clock.drift(-driftPpmMax)
    machines[0].clock.step(-3_600_000_000)
    net.link(0, 0).fragmentBytes = 60_000
  }
]

/** Claims wait about 20 seconds at most; a starved one somewhat longer. */
const withinMicros = 600_000_000

describe.each(Object.keys(contracts))("the simulated World keeps the contract of %s", (contract) => {
  it.each(contracts[contract])("$name", ({ test }) => {
    for (const course of courses) {
      expect({ ...course, outcome: outcomeOf(test, course, withinMicros) }).toEqual({ ...course, outcome: "kept" })
    }
    for (const prepare of hardships) expect(outcomeOf(test, { prepare }, withinMicros)).toBe("kept")
  })
})
