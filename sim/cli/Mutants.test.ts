/** The planted bugs of this tree, as far as can be told without running them. */
import * as fs from "node:fs"
import * as path from "node:path"
import { expect, test } from "vitest"
import * as Mutant from "./Mutant.ts"
import * as Tree from "./Tree.ts"

const folder = path.join(Tree.root, "sim/mutants")

test("every patch of sim/mutants says what it plants, where and for which judge, and applies to today's code", () => {
  const clean = Tree.copy()
  try {
    for (const name of fs.readdirSync(folder).filter((file) => file.endsWith(".patch"))) {
      const file = path.join(folder, name)
      const mutant = Mutant.parse(file, fs.readFileSync(file, "utf8"))
      expect(mutant.bug, `${name} has no bug: line`).not.toBe("")
      expect(mutant.scenarios, `${name} has no scenarios: line`).not.toEqual([])
      expect(mutant.judges, `${name} has no judge: line`).not.toEqual([])
      const copy = Tree.copy(clean)
      try {
        expect(Tree.apply(copy, file), `${name} does not apply`).toBeUndefined()
      } finally {
        Tree.remove(copy)
      }
    }
  } finally {
    Tree.remove(clean)
  }
})
