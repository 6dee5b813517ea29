import { describe, expect, it } from "vitest"
import * as CommandKeys from "./CommandKeys.ts"
import * as CommandTable from "./CommandTable.ts"

const split = (line: string): ReadonlyArray<string> => line.split(" ").map((word) => (word === "''" ? "" : word))

/** Keys as redis-server 7.0.15 answers them to COMMAND GETKEYSANDFLAGS. */
const cases: ReadonlyArray<readonly [line: string, keys: string]> = [
  ["get a", "a:RO,access"],
  ["set a b", "a:OW,update"],
  ["set a b get", "a:RW,access,update"],
  ["mset a 1 b 2", "a:OW,update b:OW,update"],
  ["bitop and d a b", "d:OW,update a:RO,access b:RO,access"],
  ["sort a store b", "a:RO,access b:OW,update"],
  ["sort a by store store c store b", "a:RO,access b:OW,update"],
  ["georadius k 1 1 1 m", "k:RO,access"],
  ["georadius k 1 1 1 m store b storedist c", "k:RO,access b:OW,update c:OW,update"],
  ["migrate h 1 k 0 10", "k:RW,access,delete"],
  ["migrate h 1 '' 0 10 auth keys keys a b", "a:RW,access,delete b:RW,access,delete"],
  ["migrate h 1 k 0 10 keys a", ""],
  ["bitfield a get u8 0", "a:RO,access"],
  ["bitfield a overflow wrap get u8 0", "a:RO,access"],
  ["bitfield a set u8 0 1", "a:RW,access,update"],
  ["zunionstore d 2 a b", "d:OW,update a:RO,access b:RO,access"],
  ["lmpop 2 a b left", "a:RW,access,delete b:RW,access,delete"],
  ["xread count 1 streams a b 0 0", "a:RO,access b:RO,access"],
  ["xreadgroup group a b streams a 0", "a:RO,access"],
  ["eval x 0", ""],
  ["eval x 5 a", ""],
  ["evalsha x 2 a b", "a:RW,access,update b:RW,access,update"],
  ["object encoding a", "a:RO"],
  ["publish a b", ""]
]

describe("the keys of a command", () => {
  it.each(cases)("%s: %s", (line, keys) => {
    const argv = split(line)
    const uses = CommandKeys.uses(CommandTable.asked(argv)!, argv)
    expect(uses.map(({ at, flags }) => `${argv[at]}:${flags.join(",")}`).join(" ")).toBe(keys)
  })

  it("are at the same places for the executor as for COMMAND GETKEYS", () => {
    for (const [line] of cases) {
      const argv = split(line)
      const command = CommandTable.asked(argv)!
      const uses = CommandKeys.uses(command, argv).map(({ at }) => at)
      expect([line, ...CommandKeys.places(command, argv)]).toEqual([line, ...uses])
    }
  })

  it("are never beyond the last argument", () => {
    for (const command of CommandTable.commands.values()) {
      for (let count = Math.abs(command.arity); count <= 9; count++) {
        const argv = [command.name, ...Array.from({ length: count - 1 }, (_, index) => String(index))]
        expect([argv, CommandKeys.places(command, argv).filter((at) => at >= count)]).toEqual([argv, []])
      }
    }
  })
})
