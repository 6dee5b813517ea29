/** EngineContract: what `Engine.ts` promises, as claims that every engine has to keep, on the real and on the simulated World. */
import type { EngineClaim } from "./EngineClaim.ts"
import * as MaintenanceClaims from "./MaintenanceClaims.ts"
import * as ReadClaims from "./ReadClaims.ts"
import * as SurvivalClaims from "./SurvivalClaims.ts"
import * as WriteClaims from "./WriteClaims.ts"

export const claims: ReadonlyArray<EngineClaim> = [
  ...ReadClaims.claims,
  ...WriteClaims.claims,
  ...SurvivalClaims.claims,
  ...MaintenanceClaims.claims
]
