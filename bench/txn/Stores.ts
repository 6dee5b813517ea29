/** Stores: Orbit's servers on loopback, each a process of its own with fdatasync, filled with accounts. Ended by process id. */
import { spawn, type ChildProcess } from "node:child_process"
import { mkdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { cpuMicros } from "../raft/Clusters.ts"
import { accounts } from "./Accounts.ts"
import { Door } from "./Door.ts"
import { serverFlags } from "./Flags.ts"
import { kinds, numbers } from "./Frames.ts"
import type { Round } from "./Rounds.ts"
import type { Contender, Sample } from "./Sample.ts"

const serverFile = fileURLToPath(new URL("Server.ts", import.meta.url))
const clientFile = fileURLToPath(new URL("Client.ts", import.meta.url))
const fillsAtOnce = 1_000
const warmingClients = 64
const warmingSeconds = 8
const settleMillis = 200
const settleTries = 150

export interface Options {
  readonly name: string
  readonly directory: string
  readonly portBase: number
  readonly stores: number
  readonly engine: string
  /** Ranges that the accounts are cut into. */
  readonly parts: number
  /** Notes the rounds of transactions. */
  readonly watches: boolean
}

interface Place {
  readonly range: number
  readonly from: string
  readonly leaseholder: number
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, settleMillis))

export class Stores implements Contender {
  readonly name: string
  private readonly parts: number
  private readonly doorPorts: ReadonlyArray<number>
  private readonly servers: ReadonlyArray<ChildProcess>
  private doors: ReadonlyArray<Door> = []
  /** Whom clients ask. */
  private asked: ReadonlyArray<number> = []

  constructor({ directory, engine, name, parts, portBase, stores, watches }: Options) {
    this.name = name
    this.parts = parts
    const members = Array.from({ length: stores }, (_, i) => i)
    const peers = members.map((i) => portBase + i).join(",")
    this.doorPorts = members.map((i) => portBase + 10 + i)
    this.servers = members.map((i) => {
      const root = `${directory}/${name.replaceAll(" ", "-")}-${i + 1}`
      mkdirSync(root, { recursive: true })
      const given = [String(i + 1), root, peers, String(this.doorPorts[i]), engine, watches ? "rounds" : ""]
      return spawn(process.execPath, [...serverFlags, serverFile, ...given], {
        stdio: ["ignore", "ignore", "inherit"]
      })
    })
  }

  /** Fills and cuts it, and gives each range its leaseholder: the system's the first store, the others the next ones in turn. */
  async begin(): Promise<void> {
    this.doors = await Promise.all(this.doorPorts.map((port) => Door.open(port)))
    const [door] = this.doors
    for (let from = 0; from < accounts; from += fillsAtOnce)
      await door.insist(kinds.fill, numbers(from, from + fillsAtOnce))
    const partAccounts = accounts / this.parts
    for (let part = 1; part < this.parts; part++) {
      const isCut = ({ length }: ReadonlyArray<Place>): boolean => length === part + 2
      await this.until(`to be cut in ${part + 1}`, isCut, kinds.split, () => numbers(part * partAccounts))
    }
    await this.until("to be led", (places) => places.every(({ leaseholder }) => leaseholder > 0))
    const count = this.doors.length
    const wanted = (part: number): number => ((part + 1) % count) + 1
    for (let part = 0; count > 1 && part < this.parts; part++) {
      const store = wanted(part)
      // The system's range is before all others.
      const isMoved = (places: ReadonlyArray<Place>): boolean => places[part + 1].leaseholder === store
      await this.until(`to have part ${part} led by store ${store}`, isMoved, kinds.move, (places) =>
        numbers(part * partAccounts, places[part + 1].range, store)
      )
    }
    this.asked = this.parts === 1 ? [this.doorPorts[wanted(0) - 1]] : this.doorPorts
    // Until what is hot is compiled: a server runs for longer than a round.
    await this.run(warmingClients, warmingSeconds)
  }

  private async places(): Promise<ReadonlyArray<Place>> {
    const places = JSON.parse((await this.doors[0].insist(kinds.where)).toString()) as ReadonlyArray<Place>
    return [...places].sort((left, right) => (left.from < right.from ? -1 : 1))
  }

  /** Asks for it again and again until it is so: an earlier request may have had its effect, or may have it yet. */
  private async until(
    what: string,
    holds: (places: ReadonlyArray<Place>) => boolean,
    kind?: number,
    bodyOf?: (places: ReadonlyArray<Place>) => Buffer
  ): Promise<void> {
    for (let tries = 0; tries < settleTries; tries++) {
      const places = await this.places()
      if (holds(places)) return
      const body = bodyOf?.(places)
      if (kind !== undefined) await new Promise<void>((resolve) => this.doors[0].ask(kind, body, () => resolve()))
      await pause()
    }
    throw new Error(`${this.name} does not come ${what}`)
  }

  /** What was noted of rounds since the last call, by the store that noted most. */
  async rounds(): Promise<Readonly<Record<string, Round>>> {
    const bodies = await Promise.all(this.doors.map((door) => door.insist(kinds.rounds)))
    const all = bodies.map((body) => JSON.parse(body.toString()) as Readonly<Record<string, Round>>)
    const calls = (one: Readonly<Record<string, Round>>): number => one["timestamp"]?.calls ?? 0
    return all.reduce((most, one) => (calls(one) > calls(most) ? one : most))
  }

  run(clients: number, seconds: number): Promise<Sample> {
    return new Promise((resolve, reject) => {
      const given = [this.asked.join(","), String(clients), String(seconds), String(this.parts)]
      const client = spawn(process.execPath, [clientFile, ...given], { stdio: ["ignore", "pipe", "inherit"] })
      const used = (): number => this.servers.reduce((sum, server) => sum + cpuMicros(server), 0)
      let before = 0
      let text = ""
      client.stdout.on("data", (chunk: Buffer) => {
        if (text === "") before = used()
        text += chunk.toString()
      })
      client.on("exit", (code) => {
        if (code !== 0) return reject(new Error(`the client of ${this.name} ended with ${code}`))
        const sample = JSON.parse(text.trim().split("\n").at(-1)!) as Omit<Sample, "serverMicros">
        resolve({ ...sample, serverMicros: used() - before })
      })
    })
  }

  end(): void {
    for (const door of this.doors) door.close()
    for (const server of this.servers) server.kill("SIGKILL")
  }
}
