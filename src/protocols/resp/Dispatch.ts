/**
 * Dispatch: where there are several nodes, decides of each command that may run whether it is run here, goes to the node that has its keys, waits, or is
 * refused.
 *
 * What a client has sent is run as if one after the other: a command for one node passes another one's only where neither can see that. So whatever has no
 * keys, or keys at several nodes, or goes from slot to slot, or may wait for its keys, waits until nothing is under way; and everything does while it is
 * not sure any more who answers
 * for what.
 */
import type { Peer, Shards } from "#database/redis/Shards.ts"
import type { Client, Errand, Multi } from "./Client.ts"
import { type Command, Flag } from "./CommandTable.ts"
import * as CommandKeys from "./CommandKeys.ts"
import * as Departure from "./Departure.ts"
import * as Routes from "./Routes.ts"
import type { Server } from "./Server.ts"
import * as Slots from "./Slots.ts"
import * as Survey from "./Survey.ts"
import * as Watches from "./Watches.ts"

/** `here`: it is to be run. `done`: it has gone, or its client is told why not. `later`: it waits. */
export type Step = "here" | "done" | "later"

/** What the executor does for it. */
export interface Parts {
  readonly server: Server
  readonly refuse: (client: Client, command: Command, text: string) => void
  /** The command that arguments ask for; undefined: none. */
  readonly find: (argv: ReadonlyArray<string>) => Command | undefined
  /** Why a client may not run a command. */
  readonly denialOf: (client: Client, command: Command, argv: ReadonlyArray<string>) => string | undefined
}

const loading = "LOADING Redis is loading the dataset in memory"
/** What is about all keys is about those of this node there. */
const mixed = "ERR a MULTI with a command about all keys cannot use, or watch, keys of other nodes"

/** Of commands without keys, those that are the same wherever they are run. */
const anywhere = new Set(["echo", "lolwut", "ping", "publish", "select", "spublish", "time", "unwatch", "wait"])

/** What a client is told that goes to the other node by itself. */
const moved = (command: Command, argv: ReadonlyArray<string>, { address }: Peer): string =>
  Slots.moved(argv[CommandKeys.places(command, argv)[0]], address)

export class Dispatch {
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  /** `isQueued`: it is one of a MULTI, which has not ended. */
  step(shards: Shards, client: Client, command: Command, argv: ReadonlyArray<string>, isQueued: boolean): Step {
    if (client.isRelayed) return isQueued ? "here" : this.stepOfRelayed(shards, client, command, argv)
    if (isQueued) return this.stepOfQueued(shards, client, command, argv)
    const { name } = command
    const isWatch = name === "watch"
    if (isWatch && client.multi !== undefined) return "here"
    const isExec = name === "exec"
    const isScan = name === "scan"
    const denied = this.deniedSort(shards, command, argv)
    if (denied !== undefined) return this.refuse(client, command, denied)
    const route = isExec ? this.routeOfMulti(shards, client) : this.routeOf(shards, command, argv)
    const away = client.port?.away
    if (away !== undefined && away.count > 0) {
      if (route === undefined || route === "apart" || isExec || isWatch || isScan || away.isMapOld) return "later"
      // What is refused could not be run again before it.
      if (Routes.mayBlock({ command, argv })) return "later"
    }
    const isOfAllNodes = Survey.isOfAllNodes(this.parts.server, name, client)
    if (route === undefined && (isOfAllNodes || this.isSurveyed(shards, name))) {
      client.port!.reach().survey({ command, argv })
      client.lastCommand = name
      return "done"
    }
    if (isExec && client.multi?.isAborted === false) {
      const step = this.stepOfWhole(shards, client, { command, argv }, route)
      if (step !== "here") return step
    }
    if (route === undefined || route === "here") return "here"
    if (route === "held") return "later"
    if (route === "loading") return this.attend(client, { command, argv }, loading)
    if (route === "nowhere") return this.attend(client, { command, argv }, Departure.unserved)
    if (this.parts.server.place !== undefined && Routes.isPeer(route) && !isExec && !isScan) {
      return this.refuse(client, command, moved(command, argv, route))
    }
    if (isWatch) return this.watch(shards, client, argv)
    if (isExec) {
      const denial = this.denialOf(client) ?? this.strayOf(shards, client)
      if (denial !== undefined) return this.refuse(client, command, denial)
      const errand = { command, argv, multi: client.multi }
      client.multi = undefined
      if (route === "apart") client.port!.reach().cross(errand)
      else {
        client.port!.reach().send(route, errand)
        client.watched = []
      }
    } else if (route === "apart") return this.across(client, command, argv)
    else client.port!.reach().send(route, { command, argv })
    client.lastCommand = name
    return "done"
  }

  /** Why SORT may not look at other keys: clients that know of a Redis Cluster ask a node for what it has. */
  private deniedSort(shards: Shards, command: Command, argv: ReadonlyArray<string>): string | undefined {
    if (this.parts.server.topology === undefined || shards.owners.length === 0) return undefined
    const word = Routes.sortsBy(command, argv)
    return word === undefined ? undefined : `ERR ${word} option of SORT denied in cluster mode.`
  }

  /** A MULTI with commands about all keys is run here, when these can be told, or changed. */
  private stepOfWhole(shards: Shards, client: Client, errand: Errand, route: Routes.Route | undefined): Step {
    const names = client.multi!.queue.map(([word]) => word.toLowerCase()).filter(Survey.isSurvey)
    if (names.length === 0) return "here"
    if (Routes.isPeer(route) || route === "apart") return this.refuse(client, errand.command, mixed)
    if (shards.whole === "held") return "later"
    if (shards.whole === "loading" && names.some(Survey.isChange)) return this.attend(client, errand, loading)
    return "here"
  }

  /** It is about all keys of several nodes, or may have to wait until these can change. */
  private isSurveyed(shards: Shards, name: string): boolean {
    if (!Survey.isSurvey(name)) return false
    return Survey.othersOf(this.parts.server).length > 0 || (Survey.isChange(name) && shards.whole !== "here")
  }

  /** Where a command is run that is not in a MULTI; undefined: it has no keys. */
  routeOf(shards: Shards, command: Command, argv: ReadonlyArray<string>): Routes.Route | undefined {
    // Channels stand where keys do.
    if ((command.flags & Flag.pubsub) !== 0) return undefined
    if (command.name !== "scan") return Routes.ofCommand(shards, command, argv)
    return this.parts.server.topology === undefined ? Routes.ofScan(shards, argv[1]) : undefined
  }

  /** Another node is to run it. */
  isAway(shards: Shards, client: Client, command: Command, argv: ReadonlyArray<string>): boolean {
    const isExec = command.name === "exec"
    return Routes.isPeer(isExec ? this.routeOfMulti(shards, client) : this.routeOf(shards, command, argv))
  }

  /** Another node's client asks for what is here, or that node has to look again. */
  private stepOfRelayed(shards: Shards, client: Client, command: Command, argv: ReadonlyArray<string>): Step {
    const { multi } = client
    let route: Routes.Route | undefined
    if (command.name !== "exec") route = this.routeOf(shards, command, argv)
    else if (multi !== undefined && !multi.isAborted) route = this.routeOfQueue(shards, multi) ?? "here"
    if (route === undefined) return "here"
    if (route === "here" && !client.isAstray) return "here"
    if (route === "held" && !client.isAstray) return "later"
    Departure.refuse(client)
    return "done"
  }

  /** Clients that find their way by themselves are told when they queue something for another node. */
  private stepOfQueued(shards: Shards, client: Client, command: Command, argv: ReadonlyArray<string>): Step {
    const { name } = command
    if (Survey.isSurvey(name) && Survey.othersOf(this.parts.server).length > 0) {
      return this.refuse(
        client,
        command,
        `ERR ${name.toUpperCase()} is not allowed in a MULTI where several nodes have the data`
      )
    }
    const denied = this.deniedSort(shards, command, argv)
    if (denied !== undefined) return this.refuse(client, command, denied)
    if (this.parts.server.place === undefined) return "here"
    const route = this.routeOf(shards, command, argv)
    return Routes.isPeer(route) ? this.refuse(client, command, moved(command, argv, route)) : "here"
  }

  private routeOfQueue(shards: Shards, { queue }: Multi): Routes.Route | undefined {
    let route: Routes.Route | undefined
    for (const argv of queue) {
      const command = this.parts.find(argv)
      const own = command === undefined ? undefined : this.routeOf(shards, command, argv)
      if (own !== undefined) route = Routes.joined(route, own)
    }
    return route
  }

  /** Where EXEC is run: where all keys are that are used or watched. What is known to fail does so here. */
  private routeOfMulti(shards: Shards, client: Client): Routes.Route {
    const { multi, watched } = client
    if (multi === undefined || multi.isAborted) return "here"
    let route = this.routeOfQueue(shards, multi)
    for (const each of watched) {
      const place = Routes.ofKey(shards, each.key)
      const node = Routes.isPeer(place) ? place.node : undefined
      // Where it is by now nobody has watched it.
      if (each.node !== node || place === "loading" || place === "nowhere") Watches.lose(each)
      if (Watches.isLost(each)) return "here"
      route = Routes.joined(route, place)
    }
    return route ?? "here"
  }

  /** Why the client may not run any more what it has queued. */
  private denialOf(client: Client): string | undefined {
    for (const argv of client.multi?.queue ?? []) {
      const command = this.parts.find(argv)
      const denial = command === undefined ? undefined : this.parts.denialOf(client, command, argv)
      if (denial !== undefined) return denial
    }
    return undefined
  }

  /** Why it cannot be run elsewhere: some of it is about this node, or this connection. */
  private strayOf(shards: Shards, client: Client): string | undefined {
    for (const argv of client.multi?.queue ?? []) {
      const command = this.parts.find(argv)
      if (command === undefined || anywhere.has(command.name) || command.name.startsWith("command")) continue
      if (this.routeOf(shards, command, argv) !== undefined) continue
      return `ERR ${command.name.replace("|", " ").toUpperCase()} is not allowed in a MULTI with keys of other nodes`
    }
    return undefined
  }

  /** Each node that has some of the keys watches these. */
  private watch(shards: Shards, client: Client, argv: ReadonlyArray<string>): Step {
    const { engine } = this.parts.server
    const keysOf = new Map<number | undefined, Array<string>>()
    const peers: Array<Peer> = []
    for (const key of argv.slice(1)) {
      const place = Routes.ofKey(shards, key)
      const node = Routes.isPeer(place) ? place.node : undefined
      const keys = keysOf.get(node)
      if (keys !== undefined) keys.push(key)
      else {
        keysOf.set(node, [key])
        if (Routes.isPeer(place)) peers.push(place)
      }
    }
    for (const [index, peer] of peers.entries()) {
      client.port!.reach().watch(peer, keysOf.get(peer.node)!, { isLast: index === peers.length - 1 })
    }
    for (const [node, keys] of keysOf) Watches.add(engine, client, { keys, node })
    client.lastCommand = "watch"
    return "done"
  }

  /** Keys are at several nodes. */
  private across(client: Client, command: Command, argv: ReadonlyArray<string>): Step {
    client.port!.reach().cross({ command, argv })
    client.lastCommand = command.name
    return "done"
  }

  /** Nobody answers for its keys now: it is run when somebody does. `text`: why it is refused if that takes too long. */
  private attend(client: Client, { argv, command }: Errand, text: string): Step {
    // Until a node has read what it had, which may take long, clients are better told.
    if (!this.parts.server.isReady) return this.refuse(client, command, text)
    const multi = command.name === "exec" ? client.multi : undefined
    if (multi !== undefined) client.multi = undefined
    client.port!.reach().attend({ command, argv, multi }, text)
    client.lastCommand = command.name
    return "done"
  }

  private refuse(client: Client, command: Command, text: string): Step {
    this.parts.refuse(client, command, text)
    return "done"
  }
}
