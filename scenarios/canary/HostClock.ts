/** Canary: a node reads the host's clock. The run would not be reproducible, so it must not pass. */
import * as Effect from "effect/Effect"
import type { Scenario } from "#sim/run/Scenario.ts"
import * as Durable from "../counter/Durable.ts"
import * as DurableCounter from "../systems/DurableCounter.ts"

// oxlint-disable-next-line no-restricted-globals -- the canary's bug
const readsHostClock = Effect.sync(() => Date.now())

export const scenario: Scenario<Durable.Operation, number> = {
  ...Durable.scenario,
  name: "canary/host-clock",
  summary: "must fail: a node reads the host's clock",
  server: (spec) =>
    Effect.andThen(
      Effect.delay(readsHostClock, "100 millis"),
      DurableCounter.server(spec, { answersBeforeSync: false })
    ),
  faults: [],
  canary: { judge: "ambient", bug: "a read of the host's clock" }
}
