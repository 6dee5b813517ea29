import { expect, test } from "vitest"
import { UsageError } from "./CliError.ts"
import * as Mutant from "./Mutant.ts"

const diff = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"

test("the header names the bug, its source, the scenarios, the judges and the faults", () => {
  const header =
    "bug: an acknowledgement before the sync\nsource: NATS 2.12.1\nscenarios: counter/durable, register/lease\njudge: linearizability, durable\nfaults: crash\n\n"
  expect(Mutant.parse("sim/mutants/ack-before-sync.patch", header + diff)).toEqual({
    name: "ack-before-sync",
    file: "sim/mutants/ack-before-sync.patch",
    bug: "an acknowledgement before the sync",
    source: "NATS 2.12.1",
    scenarios: ["counter/durable", "register/lease"],
    judges: ["linearizability", "durable"],
    faults: ["crash"]
  })
})

test("a bare diff, and mail with one, are mutants without expectations", () => {
  const bare = { bug: "", source: "", scenarios: [], judges: [], faults: undefined }
  expect(Mutant.parse("/tmp/a.diff", diff)).toEqual({ ...bare, name: "a", file: "/tmp/a.diff" })
  const mail = `From 18dd63e Mon Sep 17 00:00:00 2001\nFrom: A <a@b>\nSubject: [PATCH] x\n\nwords: more\n---\n x | 2 +-\n\n${diff}`
  expect(Mutant.parse("/tmp/0001-x.patch", mail)).toEqual({ ...bare, name: "0001-x", file: "/tmp/0001-x.patch" })
})

test("what follows the start of the diff is no header", () => {
  expect(Mutant.parse("a.patch", diff.replace("-a", "-bug: no")).bug).toBe("")
})

test.each([
  ["no diff at all", "bug: x\n", "not a patch"],
  ["a diff without a hunk", "diff --git a/x b/x\n", "not a patch"],
  ["an unknown scenario", `scenarios: register/leese\n${diff}`, 'Did you mean "register/lease"?'],
  ["an unknown fault", `faults: crush\n${diff}`, 'Did you mean "crash"?']
])("%s is refused, and the file is named", (_, text, sentence) => {
  expect(() => Mutant.parse("some.patch", text)).toThrow(UsageError)
  expect(() => Mutant.parse("some.patch", text)).toThrow(sentence)
  expect(() => Mutant.parse("some.patch", text)).toThrow("some.patch")
})
