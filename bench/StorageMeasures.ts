/**
 * StorageMeasures: one measurement each of an open store. Rates of writes are by the clock on the wall, because the disk is part of
 * them, with CPU time, of all threads, beside; what only computes is told a CPU second. Keys have 16 bytes and come in no order, values 100.
 */
import { hostMillis } from "#sim/kernel/Tripwire.ts"
import type { Entries, Store } from "./StorageStores.ts"

export const keyBytes = 16
export const valueBytes = 100

export interface Rate {
  readonly count: number
  readonly perSecond: number
  readonly perCpuSecond: number
  readonly cpuMicros: number
}

/** Bits of a number, mixed (MurmurHash3's finaliser). */
const mixed = (bits: number): number => {
  let mix = bits
  mix = Math.imul(mix ^ (mix >>> 16), 0x85eb_ca6b)
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2_ae35)
  return mix ^ (mix >>> 16)
}

/** The key of a number: numbers next to each other are far apart in the order of keys. */
export const keyOf = (index: number): Uint8Array => {
  const key = new Uint8Array(keyBytes)
  const [high, low] = [mixed(index), mixed(index ^ 0x5bd1_e995)]
  for (let i = 0; i < 4; i++) {
    key[i] = high >>> (24 - 8 * i)
    key[4 + i] = low >>> (24 - 8 * i)
    key[12 + i] = index >>> (24 - 8 * i)
  }
  return key
}

/** Bytes that nothing compresses, of which values are views: making them is not to be what is measured. */
const noise = new Uint8Array(65_536)
for (let at = 0, bits = 1; at < noise.length; at++) {
  bits = mixed(bits + at)
  noise[at] = bits
}

const values = Array.from({ length: 256 }, (_, index) => noise.subarray(index * 200, index * 200 + valueBytes))

const valueOf = (index: number): Uint8Array => values[index % values.length]

const entriesOf = (from: number, count: number): Entries => {
  const entries = { keys: new Array<Uint8Array>(count), values: new Array<Uint8Array>(count) }
  for (let index = 0; index < count; index++) {
    entries.keys[index] = keyOf(from + index)
    entries.values[index] = valueOf(from + index)
  }
  return entries
}

/** Times something that counts what it does. */
const timed = async (run: () => Promise<number>): Promise<Rate> => {
  const cpuBefore = process.cpuUsage()
  const before = hostMillis()
  const count = await run()
  const millis = hostMillis() - before
  const { system, user } = process.cpuUsage(cpuBefore)
  const cpuMicros = user + system
  return {
    count,
    perSecond: Math.round((count * 1_000) / millis),
    perCpuSecond: Math.round((count * 1_000_000) / cpuMicros),
    cpuMicros: cpuMicros / count
  }
}

/** Callers that write durably, each its next entry when the one before is durable, for so many milliseconds. */
export const durablePuts = (store: Store, callers: number, millis: number): Promise<Rate> =>
  timed(
    () =>
      new Promise((resolve) => {
        const end = hostMillis() + millis
        let [submitted, completed, running] = [0, 0, callers]
        const next = (): void => {
          if (hostMillis() >= end) {
            if (--running === 0) resolve(completed)
            return
          }
          const index = submitted++
          store.put(keyOf(index), valueOf(index), () => {
            completed++
            next()
          })
        }
        for (let caller = 0; caller < callers; caller++) next()
      })
  )

/** Entries of one batch of a load, and batches on their way. */
const loadBatch = 100
const loadDepth = 4

export interface LoadOptions {
  readonly entries: number
  readonly secondsMax: number
  readonly from?: number
  /** Ends when all is handed over, before the store has done what it owes for it. */
  readonly owes?: boolean
}

/** Loads entries, until time is over, and waits for the flushes and compactions that they cause. */
export const load = (store: Store, { entries, from = 0, owes = false, secondsMax }: LoadOptions): Promise<Rate> =>
  timed(async () => {
    const end = hostMillis() + secondsMax * 1_000
    let next = 0
    const feed = async (): Promise<void> => {
      while (next < entries && hostMillis() < end) {
        const first = next
        next += loadBatch
        await store.load(entriesOf(from + first, Math.min(loadBatch, entries - first)))
      }
    }
    await Promise.all(Array.from({ length: loadDepth }, feed))
    if (!owes) await store.settle()
    return Math.min(next, entries)
  })

/** Reads of these keys, in this order; `elsewhere` counts those that were not in memory. */
export const reads = async (
  store: Store,
  keys: ReadonlyArray<Uint8Array>
): Promise<Rate & { readonly elsewhere: number }> => {
  let elsewhere = 0
  const rate = await timed(async () => {
    for (const key of keys) {
      if (store.get(key) !== undefined) continue
      elsewhere++
      if ((await store.fetch(key)) === undefined) throw new Error("a key that was written must be there")
    }
    return keys.length
  })
  return { ...rate, elsewhere }
}

export const scan = (store: Store, most: number): Promise<Rate> =>
  timed(async () => {
    let [count, bytes] = [0, 0]
    await store.scan(most, (key, value) => {
      count++
      bytes += key.length + value.length
    })
    if (bytes !== count * (keyBytes + valueBytes)) throw new Error("a scan must see whole entries")
    return count
  })

export interface Stalls {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** Milliseconds of one caller's buffered puts while others load as fast as they can. */
export const stalls = async (store: Store, options: LoadOptions): Promise<Stalls> => {
  const millis: Array<number> = []
  let isLoading = true
  const probe = (index: number): Promise<void> =>
    new Promise((resolve) => {
      const before = hostMillis()
      store.putBuffered(keyOf(index), valueOf(index), () => {
        millis.push(hostMillis() - before)
        // A turn between two puts: a caller that never lets go of the thread would measure itself.
        setImmediate(resolve)
      })
    })
  const probing = async (): Promise<void> => {
    for (let index = 0; isLoading; index++) await probe(index)
  }
  // Without what is owed then: with a caller that goes on putting it is never all paid.
  const loading = load(store, { ...options, owes: true }).finally(() => {
    isLoading = false
  })
  await Promise.all([loading, probing()])
  millis.sort((left, right) => left - right)
  const at = (part: number): number => millis[Math.min(millis.length - 1, Math.floor(part * millis.length))]
  return { count: millis.length, p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1) }
}
