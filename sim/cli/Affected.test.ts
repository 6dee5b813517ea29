import { describe, expect, it } from "vitest"
import * as Affected from "./Affected.ts"
import * as Registry from "./Registry.ts"
import * as Tree from "./Tree.ts"

const affectedBy = (...files: ReadonlyArray<string>): ReadonlyArray<string> =>
  Affected.scenarios(
    Tree.root,
    files.map((file) => `diff --git a/${file} b/${file}\n--- a/${file}\n+++ b/${file}\n@@ -1 +1 @@\n-a\n+b\n`).join("")
  )

describe("a patch that names no scenarios", () => {
  it("is graded on those whose code it changes, however far from their own files", () => {
    expect(affectedBy("scenarios/systems/LeaseRegister.ts")).toEqual(["register/lease"])
    expect(affectedBy("scenarios/echo/Stream.ts")).toEqual(["echo/stream"])
    expect(affectedBy("scenarios/systems/DurableCounter.ts", "scenarios/systems/Archive.ts")).toEqual([
      "counter/durable",
      "archive/write-all"
    ])
    const callers = affectedBy("scenarios/systems/Call.ts")
    for (const name of ["register/lease", "counter/durable", "archive/write-all"]) expect(callers).toContain(name)
    expect(callers).not.toContain("echo/stream")
    expect(affectedBy("src/base/Crc32c.ts")).toContain("echo/stream")
  })

  it("is graded on all where it changes what none of them imports", () => {
    expect(affectedBy("sim/kernel/Kernel.ts")).toEqual(Registry.namesWithoutCanaries())
  })
})
