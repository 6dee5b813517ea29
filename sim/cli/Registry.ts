/** Registry: scenarios by name. Names cost nothing; a scenario's code is loaded when it is asked for. */
import { entries, type Entry } from "#scenarios/Registry.ts"
import type { Scenario } from "#sim/run/Scenario.ts"

/** All scenarios, in the order in which they are registered. */
export const names = (): ReadonlyArray<string> => Object.keys(entries)

/** The scenarios that must pass. */
export const namesWithoutCanaries = (): ReadonlyArray<string> => names().filter((name) => !entries[name].canary)

/** What is known of a scenario without its code; `undefined` when there is none of that name. */
export const entry = (name: string): Entry | undefined => (Object.hasOwn(entries, name) ? entries[name] : undefined)

/** Loads a scenario that is registered; its file must name it as the table does. */
export const load = async (name: string): Promise<Scenario> => {
  const found = entry(name)
  if (found === undefined)
    throw new Error(`No scenario is registered as ${JSON.stringify(name)} in scenarios/Registry.ts`)
  const { scenario } = await found.load()
  if (scenario.name !== name) {
    throw new Error(
      `scenarios/Registry.ts has ${JSON.stringify(name)}, but its file calls itself ${JSON.stringify(scenario.name)}`
    )
  }
  if ((scenario.canary !== undefined) !== found.canary) {
    throw new Error(
      `scenarios/Registry.ts and the file of ${JSON.stringify(name)} do not agree on whether it is a canary`
    )
  }
  return scenario
}
