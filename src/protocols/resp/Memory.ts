/**
 * Memory: what data and clients take of it together, and what happens where that is more than they may: above `maxmemory` keys go, by the policy,
 * and commands that would take more are refused while none can; above `maxmemory-clients` the largest clients are broken off. The same for data
 * above what the process can hold, which would end otherwise, and again at each start.
 *
 * Where nothing is limited nothing is counted here, and who asks has all clients looked at.
 * Source: `evict.c`, `networking.c` (`evictClients`) of Redis 7.0.
 */
import type { Engine } from "#database/redis/Engine.ts"
import type { Client } from "./Client.ts"
import * as ClientMemory from "./ClientMemory.ts"

/** Clients are kept by the power of two of what they take: the first of the largest ones goes, which costs nobody a search. */
const classesCount = 32

const classOf = (bytes: number): number => (bytes >= 2_147_483_648 ? classesCount - 1 : 31 - Math.clz32(bytes))

export class Memory {
  /** There is some limit. */
  isLimited = false
  /** Clients that were broken off, since the start. */
  evictedClients = 0
  /** Data may take no more than this, whatever `maxmemory` is. */
  dataBytesMax = Infinity
  /** The most that `usedBytes` has ever answered. */
  peakBytes = 0
  /** As the configuration has it: bytes, or a part of `maxmemory`: `5%`. */
  private clientsLimit = "0"
  /** 0: no limit. */
  private clientsBytesMax = 0
  private clientsBytes = 0
  /** Those that may go, by the power of two of what they take. */
  private readonly classes: ReadonlyArray<Set<Client>> = Array.from({ length: classesCount }, () => new Set())
  private readonly engine: Engine
  private readonly clients: ReadonlyMap<number, Client>
  /** More keys have to go as soon as others had their turn; the sessions set it. */
  due: () => void = () => {}

  constructor(engine: Engine, clients: ReadonlyMap<number, Client>) {
    this.engine = engine
    this.clients = clients
    this.limitsChanged()
  }

  get limit(): string {
    return this.clientsLimit
  }

  set limit(text: string) {
    this.clientsLimit = text
    this.limitsChanged()
  }

  /** `maxmemory`, or a part of it, is another. */
  limitsChanged(): void {
    const { maxMemoryBytes } = this.engine.settings
    const { clientsLimit } = this
    const part = clientsLimit.endsWith("%") ? Number(clientsLimit.slice(0, -1)) / 100 : undefined
    this.clientsBytesMax = part === undefined ? Number(clientsLimit) : Math.floor(part * maxMemoryBytes)
    const wasLimited = this.isLimited
    this.isLimited = maxMemoryBytes > 0 || this.clientsBytesMax > 0
    if (this.isLimited && !wasLimited) for (const client of this.clients.values()) this.count(client)
    if (!this.isLimited) for (const client of this.clients.values()) this.forget(client)
    if (maxMemoryBytes > 0) this.due()
  }

  /** The process has no room for more data. */
  get isFull(): boolean {
    return this.engine.usedBytes > this.dataBytesMax
  }

  /** Why a command is refused that takes memory. */
  get refusal(): string {
    return this.isFull
      ? `OOM command not allowed: data has the ${this.dataBytesMax} bytes that this process has for it: start it with a larger --max-old-space-size, or have keys evicted (maxmemory-policy)`
      : "OOM command not allowed when used memory > 'maxmemory'."
  }

  /** What clients take. */
  ofClients(): number {
    if (this.isLimited) return this.clientsBytes
    let bytes = 0
    for (const client of this.clients.values()) bytes += ClientMemory.of(client)
    return bytes
  }

  usedBytes(): number {
    const bytes = this.engine.usedBytes + this.ofClients()
    if (bytes > this.peakBytes) this.peakBytes = bytes
    return bytes
  }

  /** What a client takes may be another by now. Only where something is limited. */
  count(client: Client): void {
    if (this.clients.get(client.id) !== client) return
    const bytes = ClientMemory.of(client)
    this.clientsBytes += bytes - client.countedBytes
    client.countedBytes = bytes
    this.classify(client, client.isNoEvict ? -1 : classOf(bytes))
  }

  /** It is gone, or nobody counts any more. */
  forget(client: Client): void {
    this.clientsBytes -= client.countedBytes
    client.countedBytes = 0
    this.classify(client, -1)
  }

  private classify(client: Client, to: number): void {
    const from = client.memoryClass
    if (from === to) return
    if (from >= 0) this.classes[from].delete(client)
    if (to >= 0) this.classes[to].add(client)
    client.memoryClass = to
  }

  /** Breaks off clients, the largest first, until the others take no more than they may. True: there were some. */
  evictClients(): boolean {
    if (this.clientsBytesMax === 0) return false
    let evicted = 0
    for (let at = classesCount - 1; at >= 0 && this.clientsBytes > this.clientsBytesMax;) {
      const [client] = this.classes[at]
      if (client === undefined) {
        at -= 1
        continue
      }
      this.forget(client)
      client.port?.break()
      evicted += 1
    }
    this.evictedClients += evicted
    return evicted > 0
  }

  /** Has keys go as long as there is too much. False: there still is, and none may go. */
  makeRoom(): boolean {
    const { maxMemoryBytes } = this.engine.settings
    const aboveLimit = maxMemoryBytes === 0 ? 0 : this.usedBytes() - maxMemoryBytes
    const excess = Math.max(aboveLimit, this.engine.usedBytes - this.dataBytesMax)
    if (excess <= 0) return true
    const outcome = this.engine.free(excess)
    if (outcome === "more") this.due()
    return outcome !== "nothing"
  }
}
