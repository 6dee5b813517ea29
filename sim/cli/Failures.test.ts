import { expect, test } from "vitest"
import { Failures, normalize } from "./Failures.ts"

const task = (index: number, seed: string) => ({ index, scenario: "register/lease", seed })

test("sentences that differ in numbers only are alike", () => {
  expect(normalize("two leaders in term 4: n0 and n2")).toBe(normalize("two leaders in term 17: n1 and n3"))
  expect(normalize("read 5 after write 7 at 1.25 s")).toBe(normalize("read 12 after write 3 at 20.5 s"))
  expect(normalize("acknowledged 1, 2, 3 and lost")).toBe(normalize("acknowledged 9, 8 and lost"))
  expect(normalize("digest 9b896adb0a51702f differs")).toBe(normalize("digest 066a6fa0ff9b9eec differs"))
})

test("sentences that differ in words are not alike", () => {
  expect(normalize("add 5 fits nowhere")).not.toBe(normalize("read 5 fits nowhere"))
})

test("of a stack only the error and where it was thrown count", () => {
  expect(normalize("Error: x\n at a (f:1)\n at b")).toBe(normalize("Error: x\n at a (f:1)\n at c"))
})

test("alike failures are one, with the first seed in the order of the tasks", () => {
  const failures = new Failures()
  failures.add(task(9, "10"), "single-holder", "term 4 held by 1 and 2")
  failures.add(task(3, "4"), "single-holder", "term 1 held by 0 and 2")
  failures.add(task(5, "6"), "liveness", "client 1 was not served")
  expect(failures.all()).toEqual([
    {
      scenario: "register/lease",
      judge: "single-holder",
      detail: "term 1 held by 0 and 2",
      seed: "4",
      index: 3,
      count: 2
    },
    { scenario: "register/lease", judge: "liveness", detail: "client 1 was not served", seed: "6", index: 5, count: 1 }
  ])
})

test("a run that passed adds nothing, a lost worker and a broken simulator do", () => {
  const failures = new Failures()
  const summary = { traceHash: "", events: 0, virtualMillis: 0, wallMillis: 0 }
  failures.addReport({ type: "done", task: task(0, "1"), summary: { ...summary, verdict: "pass", failed: [] } })
  expect(failures.size).toBe(0)
  failures.addReport({ type: "lost", task: task(1, "2"), reason: "the worker ended with code 9" })
  failures.addReport({
    type: "done",
    task: task(2, "3"),
    summary: { ...summary, verdict: "error", failed: [{ judge: "any", detail: "broke" }] }
  })
  expect(failures.all().map((failure) => failure.judge)).toEqual(["worker", "simulator"])
})
