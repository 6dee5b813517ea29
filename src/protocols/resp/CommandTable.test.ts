import { expect, it } from "vitest"
import * as CommandDocs from "./CommandDocs.ts"
import { docsFacts } from "./CommandDocsFacts.ts"
import * as CommandTable from "./CommandTable.ts"

const { Flag, commands, fits, named } = CommandTable

it("has the 240 commands of a redis-server 7.0.15 without a sentinel, and 126 subcommands", () => {
  const subcommands = [...commands.values()].reduce((count, command) => count + command.subcommands.size, 0)
  expect([commands.size, subcommands]).toEqual([240, 126])
})

it("knows arity, flags, keys and categories of a command", () => {
  const set = named("SET")!
  expect(set.flags).toBe(Flag.write | Flag.denyoom)
  expect([set.firstKey, set.lastKey, set.keyStep]).toEqual([1, 1, 1])
  expect(set.categories).toEqual(["write", "string", "slow"])
  expect([2, 3, 4].map((count) => fits(set, count))).toEqual([false, true, true])
  expect([2, 3].map((count) => fits(named("get")!, count))).toEqual([true, false])
})

it("finds a subcommand by its container and by its whole name, and no other", () => {
  expect(CommandTable.asked(["XGroup", "CREATE", "k"])).toBe(named("xgroup|create"))
  expect(CommandTable.asked(["XGROUP"])?.name).toBe("xgroup")
  expect(CommandTable.asked(["XGROUP", "nothing"])).toBeUndefined()
  expect(CommandTable.asked(["nothing"])).toBeUndefined()
})

it("has documentation for every command, of one line each", () => {
  for (const command of commands.values()) {
    for (const { name } of [command, ...command.subcommands.values()]) {
      expect([name, CommandDocs.of(name)?.summary]).toEqual([name, expect.any(String)])
    }
  }
  expect(docsFacts.trim().split("\n").length).toBe(366)
})
