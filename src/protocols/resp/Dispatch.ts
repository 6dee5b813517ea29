/**
 * Dispatch: where there are several nodes, decides of each command that may run whether it is run here, goes to the node that has its keys, waits, or is
 * refused.
 *
 * What a client has sent is run as if one after the other: a command for one node passes another one's only where neither can see that. So whatever has no
 * keys, or keys at several nodes, or goes from slot to slot, waits until nothing is under way; and everything does while it is not sure any more who answers
 * for what.
 */
import type { Peer, Shards } from "#database/redis/Shards.ts"
import type { Client, Multi } from "./Client.ts"
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
const unserved = "CLUSTERDOWN Hash slot not served"

/** What a client is told that goes to the other node by itself. */
const moved = (command: Command, argv: ReadonlyArray<string>, { address }: Peer): string =>
  Slots.moved(argv[CommandKeys.places(command, argv)[0]], address)

const isOfAll = (word: string): boolean => Survey.isSurvey(word.toLowerCase())

/** What SORT reads beside the key that it sorts, of which nobody knows where it is; undefined: nothing. */
const sortsBeyond = (argv: ReadonlyArray<string>): string | undefined => {
  for (let at = 2; at + 1 < argv.length; at++) {
    const word = argv[at].toUpperCase()
    if ((word === "BY" || word === "GET") && argv[at + 1].includes("*")) return word
  }
  return undefined
}

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
    if ((name === "sort" || name === "sort_ro") && shards.owners.length > 0) {
      const word = sortsBeyond(argv)
      if (word !== undefined) return this.refuse(client, command, `ERR ${word} option of SORT denied in cluster mode.`)
    }
    const route = isExec ? this.routeOfMulti(shards, client) : this.routeOf(shards, command, argv)
    const away = client.port?.away
    if (away !== undefined && away.count > 0) {
      if (route === undefined || route === "apart" || isExec || isWatch || isScan || away.isMapOld) return "later"
    }
    if (route === undefined && Survey.isSurvey(name) && (shards.owners.length > 0 || Survey.isChange(name))) {
      client.port!.reach().survey({ command, argv })
      client.lastCommand = name
      return "done"
    }
    if (isExec && shards.whole === "held" && client.multi?.queue.some(([word]) => isOfAll(word)) === true)
      return "later"
    if (route === undefined || route === "here") return "here"
    if (route === "held") return "later"
    if (route === "loading") return this.refuse(client, command, loading)
    if (route === "nowhere") return this.refuse(client, command, unserved)
    if (this.parts.server.place !== undefined && Routes.isPeer(route) && !isExec && !isScan) {
      return this.refuse(client, command, moved(command, argv, route))
    }
    if (isWatch) return this.watch(shards, client, argv)
    if (isExec) {
      const denial = this.denialOf(client)
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

  /** Where a command is run that is not in a MULTI; undefined: it has no keys. */
  routeOf(shards: Shards, command: Command, argv: ReadonlyArray<string>): Routes.Route | undefined {
    // Channels stand where keys do.
    return (command.flags & Flag.pubsub) !== 0 ? undefined : Routes.ofCommand(shards, command, argv)
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
    if (Survey.isSurvey(name) && shards.owners.length > 0) {
      return this.refuse(
        client,
        command,
        `ERR ${name.toUpperCase()} is not allowed in a MULTI where several nodes have the data`
      )
    }
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

  private refuse(client: Client, command: Command, text: string): Step {
    this.parts.refuse(client, command, text)
    return "done"
  }
}
