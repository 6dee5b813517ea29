/** Rights as ACL SETUSER gives and takes them; what is refused is refused in the words of redis-server 7.0.15. */
import { describe, expect, it } from "vitest"
import { type RigConnection, SessionRig } from "./SessionRig.ts"

/** An administrator, and somebody who has logged in as `user`, with these rights. */
const make = (...rights: ReadonlyArray<string>): { rig: SessionRig; boss: RigConnection; user: RigConnection } => {
  const rig = new SessionRig()
  const [boss, user] = [rig.connect(), rig.connect()]
  expect(boss.ask(`ACL SETUSER user on nopass ${rights.join(" ")}`)).toBe("+OK\r\n")
  expect(user.ask("AUTH user any")).toBe("+OK\r\n")
  return { rig, boss, user }
}

const modifier = (word: string, reason: string): string => `-ERR Error in ACL SETUSER modifier '${word}': ${reason}\r\n`

describe("who listens to a channel", () => {
  it.each([
    ["SUBSCRIBE a:1", "&a:*"],
    ["SSUBSCRIBE a:1", "&a:*"],
    ["PSUBSCRIBE a:*", "&a:*"],
    ["PSUBSCRIBE a:*", "allchannels"]
  ])("is broken off when the right to that is taken away: %s by %s", (line, right) => {
    const { boss, rig, user } = make("+@all", right)
    user.ask(line)
    expect(boss.ask("ACL SETUSER user +@all")).toBe("+OK\r\n")
    expect([rig.server.clients.size, user.isEnded]).toEqual([2, false])
    expect(boss.ask("ACL SETUSER user resetchannels &b")).toBe("+OK\r\n")
    expect([rig.server.clients.size, user.isEnded]).toEqual([1, true])
  })

  it("stays where what is left allows it", () => {
    const { boss, user } = make("+@all", "&a:*", "&b:*")
    user.ask("SUBSCRIBE a:1")
    boss.ask("ACL SETUSER user resetchannels (+@all &a:1)")
    expect(user.isEnded).toBe(false)
    boss.ask("PUBLISH a:1 m")
    expect(user.received()).toContain("message")
  })
})

describe("a user with several selectors", () => {
  it("is told of the argument that came furthest", () => {
    const { boss, user } = make("+mget ~key (+mget ~key ~otherkey)")
    expect(user.ask("MGET otherkey someotherkey")).toMatch(
      /^-NOPERM this user has no permissions to access one of the keys/
    )
    expect(boss.ask("ACL LOG")).toContain("$12\r\nsomeotherkey\r\n")
  })

  it("has the whole selector named where a word of it is wrong", () => {
    const { boss } = make()
    const line = 'ACL SETUSER x "(&* &a)"'
    expect(boss.ask(line)).toMatch(/^-ERR Error in ACL SETUSER modifier '\(&\* &a\)': Adding a pattern after the \*/)
    expect(boss.ask('ACL SETUSER x "(+nosuch)"')).toBe(modifier("(+nosuch)", "Unknown command or category name in ACL"))
  })
})

describe("a key that may only be written", () => {
  it.each(["EXISTS w", "HEXISTS w f", "TYPE w", "LLEN w", "SCARD w", "TOUCH w"])("may be asked for by %s", (line) => {
    const { boss } = make("+@all", "%W~w")
    expect(boss.ask(`ACL DRYRUN user ${line}`)).toBe("+OK\r\n")
    expect(boss.ask(`ACL DRYRUN user ${line.replace(" w", " x")}`)).toMatch(/access the 'x' key\r\n$/)
  })

  it("may not be read", () => {
    const { boss } = make("+@all", "%W~w")
    expect(boss.ask("ACL DRYRUN user GET w")).toMatch(/access the 'w' key\r\n$/)
  })
})

describe("SORT", () => {
  const denied = (option: string): string =>
    `-ERR ${option} option of SORT denied due to insufficient ACL permissions.\r\n`

  it.each(["(+sort ~l)", "(+sort ~l ~v*)", "(+sort ~l %W~*)"])("looks at no other keys with %s", (rights) => {
    const { user } = make(rights)
    expect(user.ask("SORT l BY v*")).toBe(denied("BY"))
    expect(user.ask("SORT l GET v*")).toBe(denied("GET"))
    expect(user.ask("SORT l BY nosort")).toBe("*0\r\n")
  })

  it("looks at them where all may be read", () => {
    const { boss, user } = make("(+sort ~l %R~*)")
    boss.ask("RPUSH l 2 1")
    boss.ask("MSET v1 b v2 a")
    expect(user.ask("SORT l BY v* ALPHA GET v*")).toBe("*2\r\n$1\r\na\r\n$1\r\nb\r\n")
  })
})

describe("rules about commands", () => {
  it.each([
    ["+config|get|appendonly", "Allowing first-arg of a subcommand is not supported"],
    ["+config|nosuch", "Unknown command or category name in ACL"],
    ["-config|nosuch", "Unknown command or category name in ACL"],
    ["+get|a|b", "Unknown command or category name in ACL"],
    ["-get|a|b", "Unknown command or category name in ACL"]
  ])("%s is none", (word, reason) => {
    expect(make().boss.ask(`ACL SETUSER user ${word}`)).toBe(modifier(word, reason))
  })

  it("takes no more words than ACL knows", () => {
    const { boss } = make()
    for (const name of ["CAT", "log", "genpass"]) {
      expect(boss.ask(`ACL ${name} a b`)).toBe(
        `-ERR unknown subcommand or wrong number of arguments for '${name}'. Try ACL HELP.\r\n`
      )
    }
  })
})

describe("the log of who was refused", () => {
  it("tells a command that was to be queued from others", () => {
    const { boss, user } = make("+multi", "+get", "~*")
    user.ask("MULTI")
    user.ask("INCR n")
    expect(boss.ask("ACL LOG")).toContain("$7\r\ncontext\r\n$5\r\nmulti\r\n")
  })

  it("has as many entries as it may", () => {
    const { boss, user } = make()
    boss.ask("CONFIG SET acllog-max-len 3")
    for (const name of ["GET", "SET", "INCR", "DEL", "TYPE"]) user.ask(`${name} k${name === "SET" ? " v" : ""}`)
    const log = boss.ask("ACL LOG")
    expect(log).toMatch(/^\*3\r\n/)
    expect(log).toContain("$4\r\ntype\r\n")
  })
})
