/**
 * Agreement with the published verdicts of Porcupine and Knossos on their own histories. The histories are not part of
 * this tree: where the folder beside it does not exist, nothing is checked, and the test's name says so.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as Format from "./formats/Format.ts"
import * as Interpretation from "./Interpretation.ts"
import * as Linearizability from "./Linearizability.ts"

const folder = join(import.meta.dirname, "../../../shared/histories")
const table = join(folder, "verdicts.csv")
const rows = existsSync(table) ? readFileSync(table, "utf8").trim().split(/\r?\n/).slice(1) : []
const published = rows.map((row) => row.split(",")).filter(([, , level]) => level === "linearizable")

const verdictOf = (file: string, name: string, partition: boolean): string => {
  const bytes = readFileSync(join(folder, file))
  const nil = Format.detect(bytes) === "porcupine" ? "exact" : "any"
  const { model, entries } = Interpretation.interpret(Format.read(bytes), name as Interpretation.Name, { nil })
  return Linearizability.check(model, entries, { partition }).type
}

describe("published histories", () => {
  it(`have the verdicts that were published: ${published.length} are here to check`, () => {
    const differing = published.filter(([file, name, , valid]) =>
      [true, false].some((partition) => {
        const expected = valid === "true" ? "linearizable" : "refused"
        return verdictOf(file!, name!, partition) !== expected
      })
    )
    expect(differing).toEqual([])
  })
})
