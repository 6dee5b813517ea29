/**
 * Configuration: what was said in all places, as one typed value: the stronger place counts, every value is allowed, and they fit each other. Pure.
 *
 * Promises: all problems are told at once, each with the setting, the value and what is allowed; no secret is kept but as a hash, and none is shown.
 */
import type { Address } from "#world/Net.ts"
import * as Assignment from "./Assignment.ts"
import type * as Kind from "./Kind.ts"
import { type Config, flagOf, initial, type Name, names, type Setting, table, variableOf } from "./Settings.ts"

export interface Configuration {
  readonly config: Config
  /** Where each value is from. */
  readonly sources: Readonly<Record<Name, Assignment.Source>>
  /** Directives of Redis that the door is to look at, in their order. */
  readonly directives: ReadonlyArray<Assignment.Directive>
}

export type Resolved =
  | { readonly type: "configured"; readonly configuration: Configuration }
  | { readonly type: "refused"; readonly problems: ReadonlyArray<string> }

const settings = table as Readonly<Record<Name, Setting<unknown>>>

const unsaid: Assignment.Source = { origin: "default", place: "default" }

/** What the environment says, by the names of variables. */
export const ofEnvironment = (environment: Readonly<Record<string, string | undefined>>): Assignment.Said => ({
  ...Assignment.nothing,
  assignments: names.flatMap((name) => {
    const place = variableOf(name)
    const text = environment[place]
    return text === undefined ? [] : [{ name, text, source: { origin: "environment", place } }]
  })
})

/** What counts of all that was said about one setting: of the strongest place the last, or all where they add up. */
const strongest = (name: Name, said: ReadonlyArray<Assignment.Assignment>): Assignment.Assignment | undefined => {
  const ranks = said.map(({ source }) => Assignment.origins.indexOf(source.origin))
  const best = said.filter((_, at) => ranks[at] === Math.max(...ranks))
  const last = best.at(-1)
  if (last === undefined || settings[name].kind.adds === undefined) return last
  return { ...last, text: best.map(({ text }) => text).join("\n") }
}

const loopbackPattern = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|::1|localhost)$/

const isLoopback = (host: string): boolean => loopbackPattern.test(host)

/** Where a door is open to other machines. */
const exposed = (binds: ReadonlyArray<Kind.Bind>): string | undefined =>
  binds.find(({ host }) => !isLoopback(host))?.host

/** Whether nobody is let in without a password: the user `default` has one, or is off. */
const asksForPassword = ({ redisPassword, redisUsers }: Config): boolean => {
  if (redisPassword !== "") return true
  const rules = redisUsers.filter((line) => line.startsWith("default ")).map((line) => line.split(" "))
  if (rules.length === 0) return false
  const last = rules.at(-1)!
  return !last.includes("nopass") && (last.includes("off") || last.some((rule) => rule.startsWith("#")))
}

const doorProblems = (config: Config): ReadonlyArray<string> => {
  const found: Array<string> = []
  const isOpen = config.redisPort !== 0 || config.redisTlsPort !== 0
  const host = exposed(config.redisBind)
  // Of those who come by TLS a certificate is asked.
  const needsPassword = config.redisPort !== 0 || config.redisTlsClients !== "yes"
  if (isOpen && host !== undefined && needsPassword && config.redisProtected && !asksForPassword(config)) {
    found.push(
      `redis-bind: ${host}: other machines could come in without a password: set requirepass or users, listen on loopback, or say --protected-mode no`
    )
  }
  const admin = exposed(config.adminBind)
  if (config.adminPort !== 0 && admin !== undefined && config.adminProtected) {
    found.push(
      `admin-bind: ${admin}: health and metrics ask for no password: listen on loopback, or say --admin-protected no`
    )
  }
  if (config.redisTlsPort !== 0) {
    if (config.redisCertificateFile === "" || config.redisKeyFile === "") {
      found.push("redis-tls-port: TLS needs redis-certificate-file and redis-key-file")
    }
    if (config.redisAuthorityFile === "" && config.redisTlsClients !== "no") {
      found.push(`redis-tls-clients: ${config.redisTlsClients}: clients' certificates need redis-authority-file`)
    }
    if (config.redisTlsPort === config.redisPort) {
      found.push(`redis-tls-port: ${config.redisTlsPort}: redis-port is the same`)
    }
  }
  return found
}

const isSecured = (config: Config): boolean => config.clusterCertificateFile !== ""

/** As Redis Cluster's `cluster-port` is without a word. */
const nodesPortOffset = 10_000
const portMax = 65_535

/** Where the other nodes come in for their clients; undefined: where clients do. */
export const nodesPortOf = (config: Config): number | undefined => {
  const { nodes, redisNodesPort, redisPort, redisTlsPort } = config
  if (nodes.size === 0 || !isSecured(config)) return undefined
  return redisNodesPort === 0 ? (redisPort === 0 ? redisTlsPort : redisPort) + nodesPortOffset : redisNodesPort
}

const nodesPortProblems = (config: Config): ReadonlyArray<string> => {
  const { redisPort, redisTlsPort } = config
  const nodesPort = nodesPortOf(config)
  if (nodesPort === undefined) return []
  if (nodesPort > portMax) return [`redis-nodes-port: there is no port ${nodesPort}: say which it is`]
  const isTaken = nodesPort === redisPort || nodesPort === redisTlsPort
  return isTaken ? [`redis-nodes-port: ${nodesPort}: clients come in there`] : []
}

const clusterProblems = (config: Config): ReadonlyArray<string> => {
  const { clusterFounders, clusterId, nodeId, nodes } = config
  if (nodes.size === 0) {
    return clusterFounders.length === 0 ? [] : ["cluster-founders: without nodes there is only this one"]
  }
  const found: Array<string> = []
  if (!nodes.has(nodeId)) found.push(`node-id: ${nodeId}: nodes has only ${[...nodes.keys()].join(", ")}`)
  if (clusterId === "") found.push("cluster-id: nodes of a cluster need one: 32 hexadecimal digits, the same on all")
  const stranger = clusterFounders.find((each) => !nodes.has(each))
  if (stranger !== undefined)
    found.push(`cluster-founders: ${stranger}: nodes has only ${[...nodes.keys()].join(", ")}`)
  const places = new Set([...nodes.values()].map(({ host, port }) => `${host}:${port}`))
  if (places.size < nodes.size) found.push("nodes: two of them are at one place")
  const hasOtherDoors = config.redisTlsPort !== 0 || config.redisSocket !== ""
  if (config.redisPort === 0 && hasOtherDoors && config.redisAnnounce === undefined && !isSecured(config)) {
    found.push("redis-port: 0: while this node has the data, the others bring their clients to that port")
  }
  return [...found, ...nodesPortProblems(config)]
}

const transportProblems = (config: Config): ReadonlyArray<string> => {
  const files = [config.clusterCertificateFile, config.clusterKeyFile, config.clusterAuthorityFile]
  const given = files.filter((file) => file !== "").length
  if (given !== 0 && given !== files.length) {
    return [
      "cluster-certificate-file: TLS between nodes needs cluster-key-file and cluster-authority-file with it, or none of them"
    ]
  }
  const { host } = listenOf(config)
  if (isLoopback(host) || isSecured(config) || !config.clusterProtected) return []
  return [
    `cluster-listen: ${host}: other machines could speak for nodes: give cluster-certificate-file, cluster-key-file and cluster-authority-file, or say --cluster-protected no`
  ]
}

/** Where the node listens for others; a single node has a port of loopback that nobody knows. */
export const listenOf = ({ clusterListen, nodeId, nodes }: Config): Address =>
  clusterListen ?? nodes.get(nodeId) ?? { host: "127.0.0.1", port: 0 }

/** With `auto` decided. */
export const durabilityOf = ({ durability, nodes }: Config): "quorum" | "local" | "async" => {
  if (durability !== "auto") return durability
  return nodes.size > 1 ? "quorum" : "local"
}

/** Everything that was said, in any order. */
export const resolve = ({ assignments, directives, problems }: Assignment.Said): Resolved => {
  const found = [...problems]
  const values: Record<string, unknown> = { ...initial }
  const sources = Object.fromEntries(names.map((name) => [name, unsaid])) as Record<Name, Assignment.Source>
  for (const name of names) {
    const said = strongest(
      name,
      assignments.filter((each) => each.name === name)
    )
    if (said === undefined) continue
    const { kind } = settings[name]
    const value = kind.parse(said.text)
    if (value === undefined) {
      const shown = kind.isSecret === true ? "" : ` ${JSON.stringify(said.text)}:`
      const also = said.source.place === `--${flagOf(name)}` ? "" : ` (${said.source.place})`
      found.push(`${flagOf(name)}${also}:${shown} allowed: ${kind.allowed}`)
    } else {
      values[name] = value
      sources[name] = said.source
    }
  }
  if (found.length > 0) return { type: "refused", problems: found }
  const config = values as unknown as Config
  const misfits = [...clusterProblems(config), ...transportProblems(config), ...doorProblems(config)]
  if (misfits.length > 0) return { type: "refused", problems: misfits }
  return { type: "configured", configuration: { config, sources, directives } }
}

/** For `--print-config`: each value with its place, as flags that give the same again, but for secrets. */
export const print = ({ config, directives, sources }: Configuration): string => {
  const lines = names.map((name) => {
    const shown = settings[name].kind.show(config[name]).replaceAll("\n", "\\n")
    return [`${flagOf(name)} = ${shown}`, sources[name].place] as const
  })
  for (const { name, source, values } of directives) lines.push([`${name} = ${values.join(" ")}`, source.place])
  const width = Math.max(...lines.map(([text]) => (text.length <= 60 ? text.length : 0)))
  return lines.map(([text, place]) => `${text.padEnd(width)}  # ${place}\n`).join("")
}
