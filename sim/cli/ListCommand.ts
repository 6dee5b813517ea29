/** `sim list`: what there is to name on the command line. */
import { definitions, kinds } from "#sim/faults/Fault.ts"
import { policies } from "#sim/kernel/PolicyName.ts"
import * as Registry from "./Registry.ts"
import { exitCodes, UsageError } from "./CliError.ts"
import * as Format from "./Format.ts"
import * as Suggest from "./Suggest.ts"
import * as Terminal from "./Terminal.ts"

const topics = ["scenarios", "faults", "policies"] as const
type Topic = (typeof topics)[number]

export interface Input {
  readonly topic: string | undefined
  readonly json: boolean
}

export const main = async ({ topic, json }: Input): Promise<number> => {
  const asked = topics.filter((name) => topic === undefined || name === topic)
  if (asked.length === 0 && topic !== undefined) {
    throw new UsageError({
      message: `Nothing to list under ${JSON.stringify(topic)}.${Suggest.sentence(topic, topics)} There are ${topics.join(", ")}.`
    })
  }
  Terminal.print(
    json
      ? JSON.stringify(Object.fromEntries(asked.map((name) => [name, data[name]()])))
      : asked.map((name) => text[name]()).join("\n\n")
  )
  return exitCodes.pass
}

const scenarios = () =>
  Registry.names().map((name) => {
    const entry = Registry.entry(name)
    return { name, summary: entry?.summary ?? "", canary: entry?.canary ?? false }
  })

const data: Readonly<Record<Topic, () => ReadonlyArray<object>>> = {
  scenarios,
  faults: () => kinds.map((name) => ({ name, ...definitions[name] })),
  policies: () => Object.entries(policies).map(([name, summary]) => ({ name, summary }))
}

const section = (title: string, rows: ReadonlyArray<readonly [string, string]>): string => {
  const { bold, cyan } = Terminal.paint
  return `${bold(title)}\n${Format.table(rows.map(([name, summary]) => [cyan(name), summary]))}`
}

const faultGroups = ["network", "disk", "clock", "process"] as const

const text: Readonly<Record<Topic, () => string>> = {
  scenarios: () => {
    const rows = (canary: boolean) =>
      scenarios().flatMap((one) => (one.canary === canary ? [[one.name, one.summary] as const] : []))
    return `${section("Scenarios", rows(false))}\n\n${section("Canaries, which must fail", rows(true))}`
  },
  faults: () =>
    faultGroups
      .map((group) =>
        section(
          `Faults of the ${group}`,
          kinds.flatMap((kind) =>
            definitions[kind].group === group ? [[kind, definitions[kind].summary] as const] : []
          )
        )
      )
      .join("\n\n"),
  policies: () => section("Scheduling policies", Object.entries(policies))
}
