import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, expect, test } from "vitest"
import type { Journal } from "#sim/run/Journal.ts"
import { UsageError } from "./CliError.ts"
import * as JournalFile from "./JournalFile.ts"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "orbit-journal-"))
afterAll(() => fs.rmSync(folder, { recursive: true }))

const journal: Journal = {
  format: 1,
  plan: {
    scenario: "register/lease",
    seed: "42",
    nodes: 3,
    clients: 2,
    policy: "pct",
    preemptionOneIn: 8,
    durationMicros: 1_000_000,
    options: { "net.latencyMicrosMin": 50, mode: "x", fast: true },
    buggify: false,
    faults: [
      { kind: "crash", atMicros: 10, forMicros: 20, nodes: [1], amount: 0 },
      { kind: "delay", atMicros: 30, forMicros: 5, nodes: [0, 2], amount: 700 }
    ],
    operations: [{ client: 1, gapMicros: 4, operation: { type: "read", key: null } }]
  },
  decisions: { "net/n0>n1/delay": [0, 7, 3, 9], start: [] },
  failed: { judge: "linearizability", detail: 'not "linearizable"' }
}

const written = (text: string): string => {
  const file = path.join(folder, "some.json")
  fs.writeFileSync(file, text)
  return file
}

const edited = (edit: (copy: any) => void): string => {
  const copy = structuredClone(journal)
  edit(copy)
  return written(JSON.stringify(copy))
}

test("a journal comes back as it was written", () => {
  const file = path.join(folder, "deep/er/journal.json")
  JournalFile.write(file, journal)
  expect(JournalFile.read(file)).toEqual(journal)
  const { failed: _, ...passed } = journal
  JournalFile.write(file, { ...passed, decisions: {}, plan: { ...journal.plan, faults: [], operations: [] } })
  expect(JournalFile.read(file).plan.faults).toEqual([])
})

test("a journal has one fault, one operation and one stream a line", () => {
  const lines = JournalFile.text(journal).split("\n")
  expect(lines.filter((line) => line.includes('"kind"'))).toHaveLength(2)
  expect(lines.filter((line) => line.includes('"gapMicros"'))).toHaveLength(1)
  expect(lines).toContain('    "net/n0>n1/delay": [0,7,3,9],')
})

test.each([
  ["a file that is not there", () => path.join(folder, "nowhere.json"), "no such file"],
  ["a folder", () => folder, "not a file"],
  ["text", () => written("hello"), "not JSON"],
  ["other JSON", () => written('{"name":"x"}'), '"format"'],
  ["another format", () => edited((copy) => (copy.format = 2)), '"format"'],
  ["an unknown kind of fault", () => edited((copy) => (copy.plan.faults[0].kind = "earthquake")), '"kind"'],
  [
    "an unknown scenario",
    () => edited((copy) => (copy.plan.scenario = "register/leese")),
    'Did you mean "register/lease"?'
  ],
  ["a client that is not there", () => edited((copy) => (copy.plan.operations[0].client = 2)), "client 2"],
  ["a node that is not there", () => edited((copy) => (copy.plan.faults[1].nodes = [3])), "node 3"],
  ["decisions that are not pairs", () => edited((copy) => (copy.decisions.start = [1])), "not pairs"]
])("%s is refused with a sentence", (_, file, sentence) => {
  expect(() => JournalFile.read(file())).toThrow(UsageError)
  expect(() => JournalFile.read(file())).toThrow(sentence)
})

test("a file is named after scenario and seed, whatever the seed is", () => {
  expect(JournalFile.pathOf({ scenario: "register/lease", seed: "42" }, "journals", ".json")).toBe(
    ".orbit/journals/register-lease-42.json"
  )
  const odd = JournalFile.pathOf({ scenario: "a/b", seed: "../../etc x" }, "reports", ".html")
  expect(path.dirname(odd)).toBe(".orbit/reports")
  expect(JournalFile.pathOf({ scenario: "a/b", seed: "é".repeat(200) }, "journals", "").length).toBeLessThan(160)
})
