import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { afterAll, describe, expect, it } from "vitest"
import type { Claim } from "../contract/Claim.ts"
import * as ClockContract from "../contract/ClockContract.ts"
import * as DiskContract from "../contract/DiskContract.ts"
import * as HostContract from "../contract/HostContract.ts"
import * as NetContract from "../contract/NetContract.ts"
import * as TimersContract from "../contract/TimersContract.ts"
import * as TraceContract from "../contract/TraceContract.ts"
import * as RealWorld from "./RealWorld.ts"

const parent = mkdtempSync(join(tmpdir(), "orbit-world-"))
afterAll(() => rmSync(parent, { recursive: true }))

let roots = 0
const freshOptions = (): RealWorld.Options => ({
  root: join(parent, String(roots++)),
  name: "node-0",
  trace: { write: () => {} }
})

/** "kept", or what broke. */
const outcome = async (claim: Claim): Promise<string> => {
  const end = await Effect.runPromise(RealWorld.runFork(claim.test, freshOptions()).ended)
  if (end.type !== "finished") return `the node ${end.type}`
  return Exit.isSuccess(end.exit) ? "kept" : Cause.pretty(end.exit.cause)
}

const contracts: Readonly<Record<string, ReadonlyArray<Claim>>> = {
  Disk: DiskContract.claims,
  Net: NetContract.claims({ host: "127.0.0.1" }),
  Timers: TimersContract.claims,
  "Clock, Random, Scheduler": ClockContract.claims,
  Host: HostContract.claims,
  Trace: TraceContract.claims
}

describe.each(Object.keys(contracts))("the real World keeps the contract of %s", (contract) => {
  it.each(contracts[contract])("$name", async (claim) => {
    expect(await outcome(claim)).toBe("kept")
  })
})
