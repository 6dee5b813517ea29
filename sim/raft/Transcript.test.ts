/** Golden transcripts: `UPDATE=1 npx vitest run sim/raft` writes them anew; the diff is the review. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import * as DataDriven from "./DataDriven.ts"
import { run } from "./Transcript.ts"

const folder = new URL("testdata/", import.meta.url)

describe("a transcript", () => {
  for (const name of readdirSync(folder)) {
    it(`of ${name.replace(".txt", "")} comes out as it was reviewed`, () => {
      const file = new URL(name, folder)
      const before = readFileSync(file, "utf8")
      const after = run(before, () => 0)
      if (process.env["UPDATE"] === "1") writeFileSync(file, after)
      expect(after).toBe(readFileSync(file, "utf8"))
    })
  }

  it("names the line that it cannot read", () => {
    expect(() => run("campaign 1 (\n----\nok\n", () => 0)).toThrow("line 1: cannot read")
    expect(() => run("campaign 1\nok\n", () => 0)).toThrow('line 1: "campaign 1" has no line "----" behind it')
  })

  it("prints what went wrong with a command, and goes on", () => {
    const text = "add-nodes 1 voters=(1) index=2\n----\n\nfly 1\n----\n\npropose 1 a\n----\n\nraft-state\n----\n"
    const output = run(text, () => 0)
    expect(output).toContain("fly 1\n----\nunknown command\n")
    expect(output).toContain("dropping proposal\nraft proposal dropped\n")
    expect(output).toContain("1: StateFollower (Voter) Term:0 Lead:0\n")
  })
})

describe("a file of commands", () => {
  it("stays as it is but for what the commands print, blank lines in it included", () => {
    const text =
      "# A comment.\n\nfirst a=(1, 2) b\nmore\n----\nold\n\n# Another.\nsecond\n----\n----\nold\n\nold\n----\n----\n"
    const parts = DataDriven.parse(text)
    const output = DataDriven.fill(parts, ({ arguments: given, input, name }) =>
      name === "first" ? JSON.stringify([given, input]) : "one\n\ntwo\n"
    )
    expect(output).toBe(
      '# A comment.\n\nfirst a=(1, 2) b\nmore\n----\n[[{"key":"a","values":["1","2"]},{"key":"b","values":[]}],"more"]\n\n' +
        "# Another.\nsecond\n----\n----\none\n\ntwo\n----\n----\n"
    )
    expect(DataDriven.fill(DataDriven.parse(output), ({ name }) => (name === "first" ? "x" : "y"))).toContain(
      "----\ny\n"
    )
  })
})
