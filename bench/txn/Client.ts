/**
 * Client: transfers between random accounts for a while, with so many clients, each of which has one under way. One process, one connection to
 * each server, among which the clients are spread. With parts the two accounts lie in different ones. Prints one JSON object (`Sample`).
 *
 * `node bench/txn/Client.ts PORT,... CLIENTS SECONDS PARTS`
 */
import { accounts, amountMax } from "./Accounts.ts"
import { Door } from "./Door.ts"
import { ends, kinds, numbers } from "./Frames.ts"

const [portsText, clientsText, secondsText, partsText] = process.argv.slice(2)
const clients = Number(clientsText)
const parts = Number(partsText)
const partAccounts = accounts / parts
let state = 12_345
/** In [0, bound). The low bits of such a generator are poor. */
const random = (bound: number): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  return Math.floor((state / 4_294_967_296) * bound)
}

/** Two different accounts; of different parts, where there are parts. */
const pair = (): readonly [number, number] => {
  const from = random(accounts)
  if (parts === 1) return [from, (from + 1 + random(accounts - 1)) % accounts]
  const other = (Math.floor(from / partAccounts) + 1 + random(parts - 1)) % parts
  return [from, Math.floor((other + random(1_000_000) / 1_000_000) * partAccounts)]
}

const doors = await Promise.all(portsText.split(",").map((port) => Door.open(Number(port))))
const latencies: Array<number> = []
let failures = 0
let attempts = 0
let problem = ""

const run = (seconds: number): Promise<void> =>
  new Promise((resolve) => {
    const endsAt = performance.now() + seconds * 1_000
    let left = clients
    const next = (client: number): void => {
      const start = performance.now()
      if (start >= endsAt) {
        if (--left === 0) resolve()
        return
      }
      const [from, to] = pair()
      const body = numbers(from, to, 1 + random(amountMax))
      doors[client % doors.length].ask(kinds.transfer, body, (answer) => {
        if (answer?.end === ends.done) {
          latencies.push(performance.now() - start)
          attempts += answer.body.readUInt32LE(0)
          return next(client)
        }
        failures++
        problem = answer?.body.toString() ?? "the connection is broken"
        setTimeout(() => next(client), 5)
      })
    }
    for (let client = 0; client < clients; client++) next(client)
  })

await run(1)
latencies.length = 0
failures = 0
attempts = 0
process.stdout.write("begin\n")
const cpu = process.cpuUsage()
const start = performance.now()
await run(Number(secondsText))
const seconds = (performance.now() - start) / 1_000
const used = process.cpuUsage(cpu)
latencies.sort((left, right) => left - right)
const at = (share: number): number =>
  latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
if (failures > 0) process.stderr.write(`${failures} transfers failed, the last one with ${problem}\n`)
process.stdout.write(
  `${JSON.stringify({
    transactions: latencies.length,
    repeated: attempts - latencies.length,
    failures,
    seconds,
    p50: at(0.5),
    p99: at(0.99),
    clientMicros: used.user + used.system
  })}\n`
)
for (const door of doors) door.close()
process.exit(0)
