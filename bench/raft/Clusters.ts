/** Clusters: three servers on loopback, each a process of its own with fdatasync: Orbit's stores, or etcd's. Ended by process id. */
import { spawn, type ChildProcess } from "node:child_process"
import { mkdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

export interface Cluster {
  readonly name: string
  readonly kind: "grpc" | "plain"
  readonly ports: ReadonlyArray<number>
  readonly servers: ReadonlyArray<ChildProcess>
}

const serverFile = fileURLToPath(new URL("Server.ts", import.meta.url))

/** CPU time that a process has used, in microseconds; the system counts it in hundredths of a second. Of one that was killed: 0. */
export const cpuMicros = ({ exitCode, pid, signalCode }: ChildProcess): number => {
  if (exitCode !== null || signalCode !== null) return 0
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

const members = [0, 1, 2]

export const orbit = (directory: string, portBase: number, groups = 1): ReadonlyArray<Cluster> => {
  const peers = members.map((i) => portBase + i)
  const grpc = members.map((i) => portBase + 10 + i)
  const plain = members.map((i) => portBase + 20 + i)
  const servers = members.map((i) => {
    const root = `${directory}/orbit-${i + 1}`
    mkdirSync(root, { recursive: true })
    const given = [serverFile, String(i + 1), root, peers.join(","), String(grpc[i]), String(plain[i]), String(groups)]
    return spawn(process.execPath, ["--max-semi-space-size=32", ...given], { stdio: ["ignore", "ignore", "inherit"] })
  })
  return [
    { name: "orbit", kind: "grpc", ports: grpc, servers },
    { name: "orbit", kind: "plain", ports: plain, servers }
  ]
}

/** Undefined where there is no etcd. */
export const etcd = (directory: string, portBase: number): Cluster | undefined => {
  const found = ["/usr/bin/etcd", "/usr/local/bin/etcd"].find((path) => {
    try {
      return readFileSync(path).length > 0
    } catch {
      return false
    }
  })
  if (found === undefined) return undefined
  const url = (port: number): string => `http://127.0.0.1:${port}`
  const cluster = members.map((i) => `e${i}=${url(portBase + i)}`).join(",")
  const ports = members.map((i) => portBase + 10 + i)
  const servers = members.map((i) =>
    spawn(
      found,
      [
        ...["--name", `e${i}`, "--data-dir", `${directory}/etcd-${i}`, "--initial-cluster", cluster],
        ...["--listen-peer-urls", url(portBase + i), "--initial-advertise-peer-urls", url(portBase + i)],
        ...["--listen-client-urls", url(ports[i]), "--advertise-client-urls", url(ports[i])],
        ...["--initial-cluster-state", "new", "--logger", "zap", "--log-level", "error"]
      ],
      { stdio: "ignore" }
    )
  )
  return { name: "etcd", kind: "grpc", ports, servers }
}

export const stop = ({ servers }: Cluster): void => {
  for (const server of servers) server.kill("SIGKILL")
}
