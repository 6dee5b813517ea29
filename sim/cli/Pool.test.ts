import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, expect, test } from "vitest"
import * as Pool from "./Pool.ts"
import type { Task } from "./Protocol.ts"

/** A worker without a simulator: a task's seed says how it goes. */
const fake = `
const summary = (verdict) => ({ verdict, traceHash: "x", events: 1, virtualMillis: 1, wallMillis: 1,
  failed: verdict === "pass" ? [] : [{ judge: "a-judge", detail: "seen" }] })
const queue = []
let busy = false
const drain = async () => {
  if (busy) return
  busy = true
  for (let task = queue.shift(); task !== undefined; task = queue.shift()) {
    if (task.seed === "die") { process.stderr.write("last words"); process.exit(9) }
    if (task.seed === "hang") for (;;);
    if (task.seed === "slow") await new Promise((resolve) => setTimeout(resolve, 400))
    process.send({ type: "done", index: task.index, summary: summary(task.seed === "fail" ? "fail" : "pass") })
    await new Promise((resolve) => setImmediate(resolve))
  }
  busy = false
}
process.on("message", (message) => {
  if (message.type === "load") {
    if (message.scenarios.includes("broken")) process.send({ type: "broken", message: "no such scenario" })
    else if (message.scenarios.includes("dead")) { process.stderr.write("SyntaxError"); process.exit(1) }
    else process.send({ type: "ready" })
  } else if (message.type === "run") { queue.push(...message.tasks); drain() }
})
process.on("disconnect", () => process.exit(0))
`
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "orbit-pool-"))
const entry = path.join(folder, "fake.mjs")
fs.writeFileSync(entry, fake)
afterAll(() => fs.rmSync(folder, { recursive: true }))

const tasks = (seeds: ReadonlyArray<string>, scenario = "a"): ReadonlyArray<Task> =>
  seeds.map((seed, index) => ({ index, scenario, seed }))
const options = (more: Partial<Pool.Options> = {}): Pool.Options => ({
  entry,
  jobs: 2,
  scenarios: ["a"],
  overrides: {},
  ...more
})

const collect = async (seeds: ReadonlyArray<string>, more: Partial<Pool.Options> = {}) => {
  const reports: Array<Pool.Report> = []
  const end = await Pool.run(tasks(seeds).values(), options(more), (report) => void reports.push(report))
  return { end, reports: reports.sort((left, right) => left.task.index - right.task.index) }
}

test("every task is reported once", async () => {
  const { end, reports } = await collect(Array.from({ length: 50 }, (_, index) => (index % 7 === 0 ? "fail" : "pass")))
  expect(end).toBe("finished")
  expect(reports.map((report) => report.task.index)).toEqual(Array.from({ length: 50 }, (_, index) => index))
  expect(reports.filter((report) => report.type === "done" && report.summary.verdict === "fail")).toHaveLength(8)
})

test("no tasks are done at once", async () => {
  expect(await collect([])).toEqual({ end: "finished", reports: [] })
})

test("a worker's death costs its own task only, and is told with its last words", async () => {
  const { end, reports } = await collect(["pass", "pass", "die", "pass", "pass", "die", "pass"])
  expect(end).toBe("finished")
  expect(reports.map((report) => report.type)).toEqual(["done", "done", "lost", "done", "done", "lost", "done"])
  expect(reports[2]).toMatchObject({ type: "lost", reason: "the worker ended with code 9: last words" })
})

test("a task that never ends is lost after its time, the others are done", async () => {
  const { reports } = await collect(["pass", "hang", "pass", "pass", "pass"], { hangMillis: 800 })
  expect(reports.map((report) => report.type)).toEqual(["done", "lost", "done", "done", "done"])
  expect(reports[1]).toMatchObject({ reason: "no result within 0.8 s" })
})

test("a pool whose workers only die gives up", async () => {
  const { end } = await collect(Array.from({ length: 100 }, () => "die"))
  expect(end).toBe("gave up")
})

test("the listener, the budget and the signal each stop the pool", async () => {
  const slow = Array.from({ length: 100 }, () => "slow")
  expect(await Pool.run(tasks(slow).values(), options(), () => "stop")).toBe("stopped")
  expect((await collect(slow, { budgetMillis: 600 })).end).toBe("budget")
  const control = new AbortController()
  setTimeout(() => control.abort(), 600)
  expect((await collect(slow, { signal: control.signal })).end).toBe("interrupted")
})

test.each([
  ["broken", "no such scenario"],
  ["dead", "the worker ended with code 1: SyntaxError"]
])("a worker that cannot load fails the whole: %s", async (scenario, message) => {
  const attempt = Pool.run(tasks(["pass"], scenario).values(), options({ scenarios: [scenario] }), () => undefined)
  await expect(attempt).rejects.toThrow(message)
  await expect(attempt).rejects.toBeInstanceOf(Pool.LoadError)
})
