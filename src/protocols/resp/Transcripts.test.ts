/**
 * Transcripts: what several clients ask in turn, and what each of them is sent, as redis-server 7.0.15 has answered. `a> PING` asks, `b< :1|` is
 * what then came to b, line ends as `|`; `{a}` is a's id; 3 has said HELLO 3.
 */
import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { type RigConnection, SessionRig } from "./SessionRig.ts"

const names = ["a", "b", "c", "2", "3"]

const replay = (transcript: string): string => {
  const rig = new SessionRig()
  const clients = new Map<string, RigConnection>(names.map((name) => [name, rig.connect()]))
  const ids = new Map(names.map((name, index) => [name, String(index + 1)]))
  clients.get("3")!.ask("HELLO 3")
  const lines: Array<string> = []
  for (const line of transcript.split("\n")) {
    if (line[1] === "<") continue
    lines.push(line)
    if (line[1] !== ">") continue
    const ask = line.slice(3).replace(/\{(\w)\}/g, (_, name: string) => ids.get(name)!)
    clients.get(line[0])!.sendOnly(`${ask}\r\n`)
    rig.pass(0)
    for (const [name, client] of clients) {
      let received = client.received().replaceAll("\r\n", "|")
      if (/redir|trackinginfo/i.test(ask)) {
        for (const [other, id] of ids) received = received.replaceAll(`:${id}|`, `:{${other}}|`)
      }
      if (received !== "") lines.push(`${name}< ${received}`)
    }
  }
  return lines.join("\n")
}

describe("several clients", () => {
  it.each(["sessions", "acl"])("are sent what Redis sent them: %s", (name) => {
    const recorded = readFileSync(new URL(`testdata/${name}.txt`, import.meta.url), "utf8")
    expect(replay(recorded)).toBe(recorded)
  })
})
