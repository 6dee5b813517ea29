/**
 * Agreement with the published verdicts of Porcupine and Knossos on their own histories. The histories are not part of
 * this tree: where the folder beside it does not exist, one test says that nothing was checked.
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

describe.skipIf(published.length === 0)("published histories", () => {
  it.each(published)("%s as %s is %s: %s", (file, name, _level, valid) => {
    const bytes = readFileSync(join(folder, file!))
    const nil = Format.detect(bytes) === "porcupine" ? "exact" : "any"
    const { model, entries } = Interpretation.interpret(Format.read(bytes), name as Interpretation.Name, { nil })
    for (const partition of [true, false]) {
      const verdict = Linearizability.check(model, entries, { partition })
      expect(verdict.type).toBe(valid === "true" ? "linearizable" : "refused")
    }
  })
})

describe.runIf(published.length === 0)("published histories", () => {
  it("are not here, so nothing was checked", () => {
    expect(published).toEqual([])
  })
})
