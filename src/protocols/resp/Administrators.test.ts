/** Who comes in by the node's own socket: everything is allowed, whoever the users are and however many others there are. */
import { describe, expect, it } from "vitest"
import * as Limits from "#base/Limits.ts"
import { RigConnection, SessionRig } from "./SessionRig.ts"

const enter = (rig: SessionRig): RigConnection => {
  const connection = new RigConnection(0, "/data/admin.sock")
  connection.sink = rig.sessions.acceptAdministrator(connection)
  return connection
}

describe("an administrator", () => {
  it("needs no password where everybody else does, and may do what nobody else may", () => {
    const rig = new SessionRig()
    rig.server.users.setDefaultPassword("secret")
    const boss = enter(rig)
    expect(rig.connect().ask("GET k")).toMatch(/^-NOAUTH/)
    expect(boss.ask("SET k v")).toBe("+OK\r\n")
    expect(boss.ask("ACL SETUSER default off -@all resetkeys resetchannels")).toBe("+OK\r\n")
    expect(boss.ask("ACL WHOAMI")).toBe("$13\r\nadministrator\r\n")
    expect(boss.ask("GET k")).toBe("$1\r\nv\r\n")
    expect(boss.ask("SUBSCRIBE c")).toContain("subscribe")
  })

  it("is none any more once it has logged in as somebody, and is again after RESET", () => {
    const rig = new SessionRig()
    const boss = enter(rig)
    expect(boss.ask("ACL SETUSER user on nopass +acl ~*")).toBe("+OK\r\n")
    expect(boss.ask("AUTH user any")).toBe("+OK\r\n")
    expect(boss.ask("GET k")).toMatch(/^-NOPERM/)
    expect(boss.ask("RESET")).toBe("+RESET\r\n")
    expect(boss.ask("GET k")).toBe("$-1\r\n")
  })

  it("is nobody whom users can become, change or have broken off by its name", () => {
    const rig = new SessionRig()
    const boss = enter(rig)
    const user = rig.connect()
    expect(user.ask("AUTH administrator any")).toMatch(/^-WRONGPASS/)
    expect(user.ask("ACL SETUSER administrator on nopass")).toBe("+OK\r\n")
    expect(boss.ask("SET k v")).toBe("+OK\r\n")
    expect(user.ask("ACL DELUSER administrator")).toBe(":1\r\n")
    expect([boss.isEnded, boss.ask("GET k")]).toEqual([false, "$1\r\nv\r\n"])
  })

  it("is let in where there are too many others, and takes the place of none", () => {
    const rig = new SessionRig({ clientsMax: 1 })
    const boss = enter(rig)
    expect(rig.connect().ask("PING")).toBe("+PONG\r\n")
    expect(rig.connect().received()).toMatch(/^-ERR max number of clients/)
    expect(enter(rig).ask("PING")).toBe("+PONG\r\n")
    expect(boss.ask("CLIENT LIST")).toContain("addr=/data/admin.sock:0")
  })

  it("is one of so many, and of more when some have gone", () => {
    const rig = new SessionRig()
    const all = Array.from({ length: Limits.respAdministratorsMax }, () => enter(rig))
    const late = enter(rig)
    expect([late.received(), late.isEnded]).toEqual(["-ERR max number of clients reached\r\n", true])
    all[0].sink.closed(undefined)
    expect(enter(rig).ask("PING")).toBe("+PONG\r\n")
    expect(enter(rig).received()).toMatch(/^-ERR max number of clients/)
  })

  it("is not broken off to make room", () => {
    const rig = new SessionRig()
    const boss = enter(rig)
    expect(boss.ask("CONFIG SET maxmemory-clients 1")).toBe("+OK\r\n")
    expect(boss.ask("PING")).toBe("+PONG\r\n")
    const other = rig.connect()
    other.ask("PING")
    expect([boss.isReset || boss.isEnded, rig.server.memory.evictedClients]).toEqual([false, 1])
  })

  it("is told that there is no data, and of all else, at a node that does not have it", () => {
    const rig = new SessionRig()
    rig.server.isReady = false
    const boss = enter(rig)
    expect(boss.ask("GET k")).toBe("-LOADING Redis is loading the dataset in memory\r\n")
    expect(boss.ask("CONFIG GET maxclients")).toContain("maxclients")
  })
})
