/**
 * A leased register over an unreliable network: compare-and-set, linearizable, whatever the network, the clocks within
 * their bound, and crashes do. Disks may lose what was not synced, and fail; the protocol keeps one checksummed state a
 * node and survives no damage to it.
 */
import * as Atlas from "#sim/faults/Atlas.ts"
import type { Scenario } from "#sim/run/Scenario.ts"
import { describe } from "../systems/LeaseRegister.ts"
import * as LeaseRegisterDriver from "../systems/LeaseRegisterDriver.ts"
import { contract } from "./Contract.ts"
import {
  client,
  draw,
  final,
  label,
  leaseOptions,
  linearizability,
  singleHolder,
  type Operation,
  type Value
} from "./Shared.ts"

export const scenario: Scenario<Operation, Value> = {
  name: "register/lease",
  summary: "a compare-and-set register served under a majority lease, over datagrams",
  nodes: { default: 3, min: 1, max: 7 },
  clients: { default: 3, min: 1, max: 5 },
  durationMicros: 10_000_000,
  livenessMicros: 20_000_000,
  options: { leaseMillis: [1_000, 300, 400], renewMillis: [50, 100, 20] },
  server: (spec) => LeaseRegisterDriver.server(spec, { ...leaseOptions(spec), grantsTwice: false }),
  workload: {
    gapMicros: 15_000,
    draw,
    client,
    final,
    label
  },
  faults: [
    "delay",
    "loss",
    "duplicate",
    "reorder",
    "partition",
    "one-way",
    "partial",
    "clog",
    "slow-link",
    "lose-unsynced",
    "torn-write",
    "lose-directory-entry",
    "io-error",
    "disk-full",
    "slow-sync",
    "stuck-sync",
    "skew",
    "drift",
    "step",
    "crash",
    "stop",
    "pause",
    "kill-at-io",
    "config"
  ],
  atlas: Atlas.nothing,
  judges: [linearizability, singleHolder, contract],
  describe
}
