import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import * as Rooms from "./Rooms.ts"
import * as Source from "./Source.ts"

/** The messages for a planted tree: a path and its text each. */
const planted = (tree: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Rooms.check(Object.entries(tree).map(([path, text]) => ({ path, text }))).map(
    ({ path, message }) => `${path} ${message}`
  )

const cyclesOf = (tree: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Rooms.cycles(Object.entries(tree).map(([path, text]) => ({ path, text })))

describe("the tree", () => {
  const files = Source.list()
    .filter((path) => path.endsWith(".ts"))
    .map(Source.read)

  it("has every import going down, written the one way, and reaching into nobody", () => {
    expect(Source.show(Rooms.check(files))).toBe("")
  })

  it("has no import cycle", () => {
    expect(Rooms.cycles(files).join("\n")).toBe("")
  })

  it("has an alias in package.json for each room, and no other", () => {
    const { imports } = JSON.parse(readFileSync(join(Source.root, "package.json"), "utf8"))
    const expected = Object.entries(Rooms.aliases).map(([alias, folder]) => [`${alias}*`, `./${folder}*`])
    expect(imports).toEqual(Object.fromEntries(expected))
  })
})

describe("the table", () => {
  it("lets each room of src import exactly the rooms before it", () => {
    const floors = Rooms.rooms.filter((room) => room.places[0].startsWith("src/"))
    expect(floors.map((room) => room.name).join(" ")).toBe(
      "base world storage consensus cluster keyspace txn actors database protocols server"
    )
    floors.forEach((room, floor) => expect(room.imports).toEqual(floors.slice(0, floor).map(({ name }) => name)))
  })

  it("gives the command line its own place although it lives in the simulator's folder", () => {
    expect(Rooms.roomOf("sim/cli/Format.ts")?.name).toBe("cli")
    expect(Rooms.roomOf("sim/main.ts")?.name).toBe("cli")
    expect(Rooms.roomOf("sim/kernel/Kernel.ts")?.name).toBe("sim")
  })
})

describe("the checks fail on", () => {
  const files = {
    "src/base/Bytes.ts": "",
    "src/world/Disk.ts": "",
    "src/world/real/RealDisk.ts": "",
    "src/consensus/Raft.ts": "",
    "src/consensus/internal/Log.ts": "",
    "sim/kernel/Kernel.ts": "",
    "sim/cli/Format.ts": "",
    "scenarios/Lease.ts": "",
    "models/Register.ts": ""
  }

  it.each([
    ["src/world/Net.ts", "#consensus/Raft.ts", "world stands below consensus"],
    ["src/base/Ids.ts", "#world/Disk.ts", "base stands below world"],
    ["src/consensus/Log.ts", "#sim/kernel/Kernel.ts", "consensus stands below sim"],
    ["models/Log.ts", "#world/Disk.ts", "models stands below world"],
    ["reports/Page.ts", "#sim/kernel/Kernel.ts", "reports stands below sim"],
    ["sim/run/Run.ts", "#scenarios/Lease.ts", "sim stands below scenarios"],
    ["scenarios/Echo.ts", "#sim/cli/Format.ts", "scenarios stands below cli"],
    ["sim/run/Run.ts", "#sim/cli/Format.ts", "sim stands below cli"],
    ["src/world/Net.test.ts", "#consensus/Raft.ts", "world stands below consensus"]
  ])("an import that goes up: %s of %s", (path, specifier, message) => {
    expect(planted({ ...files, [path]: `import "${specifier}"` })).toEqual([expect.stringContaining(message)])
  })

  it.each([
    ["src/world/Net.ts", "#world/Disk.ts", "write ./Disk.ts"],
    ["src/world/real/RealNet.ts", "#world/Disk.ts", "write ../Disk.ts"],
    ["src/consensus/Log.ts", "../base/Bytes.ts", "write #base/Bytes.ts"],
    ["sim/run/Run.ts", "../kernel/Kernel.ts", "write #sim/kernel/Kernel.ts"],
    ["sim/kernel/Heap.ts", "#sim/kernel/Kernel.ts", "write ./Kernel.ts"],
    ["sim/main.ts", "#sim/cli/Format.ts", "write ./cli/Format.ts"]
  ])("an import written the wrong way: %s of %s", (path, specifier, message) => {
    expect(planted({ ...files, [path]: `import "${specifier}"` })).toEqual([expect.stringContaining(message)])
  })

  it.each([
    ["import statement", 'import * as Raft from "#consensus/Raft.ts"'],
    ["type-only import", 'import type { Raft } from "#consensus/Raft.ts"'],
    ["dynamic import", 'const raft = import("#consensus/Raft.ts")'],
    ["import in a type", 'export type Raft = import("#consensus/Raft.ts").Raft']
  ])("every form of import: an %s", (_, text) => {
    expect(planted({ ...files, "src/base/Ids.ts": text })).toEqual([
      expect.stringContaining("base stands below consensus")
    ])
  })

  it("a reach into another room's internal, and not on one from within the room", () => {
    const text = 'import * as Log from "#consensus/internal/Log.ts"'
    expect(planted({ ...files, "src/cluster/Members.ts": text })).toEqual([
      expect.stringContaining("src/consensus/internal is that room's own")
    ])
    expect(planted({ ...files, "src/consensus/Group.ts": 'import * as Log from "./internal/Log.ts"' })).toEqual([])
  })

  it("Node.js outside the places that may know it", () => {
    const text = 'import * as Fs from "node:fs"\nimport * as Path from "path"'
    expect(planted({ "src/world/Files.ts": text })).toHaveLength(2)
    expect(planted({ "sim/run/Run.ts": text })).toHaveLength(2)
    expect(planted({ "sim/kernel/TraceHash.ts": text })).toHaveLength(2)
    expect(planted({ "src/world/real/RealDisk.ts": text, "sim/cli/Seeds.ts": text, "bench/main.ts": text })).toEqual([])
  })

  it("a package in a room that is plain TypeScript", () => {
    const text = 'import * as Effect from "effect/Effect"'
    expect(planted({ "src/base/Ids.ts": text, "models/Register.ts": text, "reports/Page.ts": text })).toHaveLength(3)
    expect(planted({ "src/base/Ids.test.ts": text, "src/world/Net.ts": text })).toEqual([])
  })

  it("a barrel, which hands on what is another's", () => {
    expect(planted({ ...files, "src/world/All.ts": 'export * from "./Disk.ts"' })).toEqual([
      expect.stringContaining("no barrels")
    ])
  })

  it("a folder that is in no room, an alias that no room has, a file that is not there", () => {
    expect(planted({ "helpers/Text.ts": "" })).toEqual([expect.stringContaining("is in no room")])
    expect(planted({ "src/base/Ids.ts": 'import "#helpers/Text.ts"' })).toEqual([
      expect.stringContaining("no room has")
    ])
    expect(planted({ "src/base/Ids.ts": 'import "./Gone.ts"' })).toEqual([expect.stringContaining("there is no file")])
  })

  it("a cycle, which it names", () => {
    const tree = {
      "src/base/Ring.ts": 'import "./Arc.ts"',
      "src/base/Arc.ts": 'import type { Dot } from "./Dot.ts"',
      "src/base/Dot.ts": 'import * as Ring from "#base/Ring.ts"',
      "src/base/Line.ts": 'import "./Ring.ts"'
    }
    expect(cyclesOf(tree)).toEqual(["src/base/Arc.ts -> src/base/Dot.ts -> src/base/Ring.ts -> src/base/Arc.ts"])
    expect(cyclesOf({ "src/base/Self.ts": 'import "./Self.ts"' })).toEqual(["src/base/Self.ts -> src/base/Self.ts"])
    expect(cyclesOf({ "src/base/Ring.ts": 'import "./Arc.ts"', "src/base/Arc.ts": "" })).toEqual([])
  })

  it("values that go round in a folder where types may", () => {
    const ring = (text: string) => ({ "reports/client/Ring.ts": text, "reports/client/Arc.ts": 'import "./Ring.ts"' })
    expect(cyclesOf(ring('import type { Arc } from "./Arc.ts"'))).toEqual([])
    expect(cyclesOf(ring('import * as Arc from "./Arc.ts"'))).toHaveLength(1)
  })

  it("nothing that a test imports to be judged or driven", () => {
    const text = 'import "#models/Register.ts"\nimport "#sim/kernel/Kernel.ts"\nimport "#scenarios/Lease.ts"'
    expect(planted({ ...files, "src/consensus/Raft.test.ts": text })).toEqual([])
  })
})
