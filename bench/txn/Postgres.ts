/**
 * Postgres: a PostgreSQL of its own, with the settings that it comes with (fsync and synchronous_commit on, read committed), in a temporary
 * directory on the same disk, reached by a Unix socket, and asked by pgbench with prepared statements. It refuses to run as root, so then it runs as
 * the user `postgres`. Ended by process id.
 *
 * Two ways of a transfer: `statements`, four round trips (BEGIN, two updates, COMMIT), and `function`, one call of a function whose plans are kept.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process"
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { accounts, amountMax, firstBalance } from "./Accounts.ts"
import type { Contender, Sample } from "./Sample.ts"

const versionsDirectory = "/usr/lib/postgresql"
const pollMillis = 100

interface User {
  readonly uid?: number
  readonly gid?: number
}

const userOf = (): User => {
  if (process.getuid?.() !== 0) return {}
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((each) => each.startsWith("postgres:"))
  const [, , uid, gid] = line?.split(":") ?? []
  return { uid: Number(uid), gid: Number(gid) }
}

/** Where PostgreSQL's programs are, of the latest version; undefined: it is not installed. */
export const programs = (): string | undefined => {
  if (!existsSync(versionsDirectory)) return undefined
  const found = readdirSync(versionsDirectory)
    .sort((left, right) => Number(right) - Number(left))
    .map((version) => join(versionsDirectory, version, "bin"))
  return found.find((path) => ["initdb", "postgres", "pgbench", "psql"].every((name) => existsSync(join(path, name))))
}

const schema = `
CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL CHECK (balance >= 0));
INSERT INTO accounts SELECT id, ${firstBalance} FROM generate_series(0, ${accounts - 1}) AS id;
CREATE FUNCTION transfer(source int, target int, amount int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE accounts SET balance = balance - amount WHERE id = source AND balance >= amount;
  IF NOT FOUND THEN RAISE EXCEPTION 'account % is too poor', source; END IF;
  UPDATE accounts SET balance = balance + amount WHERE id = target;
END $$;
VACUUM ANALYZE accounts;
CHECKPOINT;
`

const draws = `\\set source random(0, ${accounts - 1})
\\set target (:source + random(1, ${accounts - 1})) % ${accounts}
\\set amount random(1, ${amountMax})
`

/** Of the statements it is the check of the table that sees to the balance. */
const scripts = {
  statements: `${draws}BEGIN;
UPDATE accounts SET balance = balance - :amount WHERE id = :source;
UPDATE accounts SET balance = balance + :amount WHERE id = :target;
COMMIT;
`,
  function: `${draws}SELECT transfer(:source::int, :target::int, :amount::int);
`
}

/** Of a process and those of its children that it has buried, in microseconds. */
const usedMicros = (pid: number): number => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ")
    return [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]) * 10_000, 0)
  } catch {
    return 0
  }
}

const childrenOf = (pid: number): ReadonlyArray<number> =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number)

/** One server, which both contenders share. */
class Server {
  readonly directory: string
  readonly programs: string
  private readonly user = userOf()
  private process: ChildProcess | undefined

  constructor(directory: string, found: string) {
    this.directory = directory
    this.programs = found
  }

  async begin(): Promise<void> {
    if (this.process !== undefined) return
    const { directory, user } = this
    mkdirSync(directory, { recursive: true })
    chmodSync(join(directory, ".."), 0o711)
    if (user.uid !== undefined && user.gid !== undefined) chownSync(directory, user.uid, user.gid)
    const data = join(directory, "data")
    this.call("initdb", ["-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C"])
    this.process = spawn(join(this.programs, "postgres"), ["-D", data, "-k", directory, "-c", "listen_addresses="], {
      ...user,
      cwd: directory,
      stdio: ["ignore", "ignore", "ignore"]
    })
    for (let tries = 0; tries < 300 && !existsSync(join(directory, ".s.PGSQL.5432")); tries++) {
      await new Promise((resolve) => setTimeout(resolve, pollMillis))
    }
    // The socket is there a little before the server takes anybody in.
    for (let tries = 0; tries < 100; tries++) {
      if (spawnSync(join(this.programs, "psql"), this.client("-c", "SELECT 1"), { stdio: "ignore" }).status === 0) break
      await new Promise((resolve) => setTimeout(resolve, pollMillis))
    }
    for (const [name, text] of Object.entries(scripts)) writeFileSync(join(directory, `${name}.sql`), text)
    this.call("psql", this.client("-q", "-v", "ON_ERROR_STOP=1"), schema)
  }

  client(...more: ReadonlyArray<string>): ReadonlyArray<string> {
    return ["-h", this.directory, "-U", "postgres", ...more, "postgres"]
  }

  private call(name: string, given: ReadonlyArray<string>, input = ""): void {
    const ended = spawnSync(join(this.programs, name), given, { ...this.user, cwd: this.directory, input })
    if (ended.status !== 0) throw new Error(`${name} of PostgreSQL fails: ${ended.stderr.toString().trim()}`)
  }

  usedMicros(): number {
    const pid = this.process!.pid!
    return childrenOf(pid).reduce((sum, child) => sum + usedMicros(child), usedMicros(pid))
  }

  async end(): Promise<void> {
    const ended = this.process
    if (ended === undefined || ended.exitCode !== null) return
    this.process = undefined
    const over = new Promise((resolve) => ended.once("exit", resolve))
    // Fast shutdown.
    ended.kill("SIGINT")
    await over
  }
}

/** Latencies in milliseconds, in order, of the logs that pgbench has left; they are gone then. */
const latenciesOf = (directory: string, prefix: string): ReadonlyArray<number> => {
  const latencies: Array<number> = []
  for (const name of readdirSync(directory).filter((each) => each.startsWith(prefix))) {
    const path = join(directory, name)
    for (const line of readFileSync(path, "utf8").split("\n")) {
      const micros = Number(line.split(" ")[2])
      if (line !== "" && !Number.isNaN(micros)) latencies.push(micros / 1_000)
    }
    rmSync(path)
  }
  return latencies.sort((left, right) => left - right)
}

class Asked implements Contender {
  readonly name: string
  private readonly server: Server
  private readonly script: keyof typeof scripts

  constructor(server: Server, script: keyof typeof scripts) {
    this.name = `postgres ${script}`
    this.server = server
    this.script = script
  }

  begin(): Promise<void> {
    return this.server.begin()
  }

  async run(clients: number, seconds: number): Promise<Sample> {
    await this.pgbench(clients, 1)
    return this.pgbench(clients, seconds)
  }

  private pgbench(clients: number, seconds: number): Promise<Sample> {
    const { directory, programs: path } = this.server
    const log = join(directory, "log")
    const given = ["-n", "-M", "prepared", "-f", join(directory, `${this.script}.sql`), "--max-tries=100"]
    const before = this.server.usedMicros()
    const child = spawn(
      join(path, "pgbench"),
      this.server.client(...given, "-c", String(clients), "-T", String(seconds), "-l", `--log-prefix=${log}`),
      { stdio: ["ignore", "pipe", "pipe"] }
    )
    let text = ""
    let clientMicros = 0
    const poll = setInterval(() => (clientMicros = usedMicros(child.pid!) || clientMicros), pollMillis)
    child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()))
    child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()))
    return new Promise((resolve, reject) => {
      child.on("close", (code) => {
        clearInterval(poll)
        if (code !== 0) return reject(new Error(`pgbench ends with ${code}: ${text.trim()}`))
        const found = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0)
        const latencies = latenciesOf(directory, "log")
        const at = (share: number): number =>
          latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
        const transactions = found(/transactions actually processed: (\d+)/)
        resolve({
          transactions,
          repeated: found(/total number of retries: (\d+)/),
          failures: found(/number of failed transactions: (\d+)/),
          seconds: transactions / found(/tps = ([\d.]+)/),
          p50: at(0.5),
          p99: at(0.99),
          serverMicros: this.server.usedMicros() - before,
          clientMicros
        })
      })
    })
  }

  end(): Promise<void> {
    return this.server.end()
  }
}

/** Its two ways of a transfer. Undefined where there is no PostgreSQL. */
export const contenders = (directory: string): ReadonlyArray<Contender> | undefined => {
  const found = programs()
  if (found === undefined) return undefined
  const server = new Server(join(directory, "postgres"), found)
  return [new Asked(server, "function"), new Asked(server, "statements")]
}
