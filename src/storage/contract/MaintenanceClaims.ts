/** MaintenanceClaims: rot and its verification, the size of the files, and what an engine tells of itself. */
import * as Effect from "effect/Effect"
import * as Completion from "#world/Completion.ts"
import { must, mustEqual } from "#world/contract/Claim.ts"
import * as Disk from "#world/Disk.ts"
import type * as Engine from "../Engine.ts"
import type { Corrupt, StorageError } from "../StorageError.ts"
import {
  claim,
  deletingRange,
  directory,
  type EngineClaim,
  mustHold,
  numbered,
  outcome,
  puttingAll,
  read,
  session
} from "./EngineClaim.ts"

type Service = Engine.Engine["Service"]

const readWhole = Effect.fnUntraced(function* (path: string) {
  const disk = yield* Disk.Disk
  const file = yield* disk.open(path)
  return yield* file.readAt(0, yield* file.size)
}, Effect.scoped)

const writeByte = Effect.fnUntraced(function* (path: string, offset: number, byte: number) {
  const disk = yield* Disk.Disk
  const file = yield* disk.open(path)
  yield* file.writeAt(offset, new Uint8Array([byte]))
  yield* file.sync
}, Effect.scoped)

/** Fails unless each get, and each scan, gives what was written or `Corrupt`; says whether anything was `Corrupt`. */
const readsTruth = Effect.fnUntraced(function* (engine: Service, where: string, held: ReadonlyMap<string, string>) {
  let corrupt = false
  for (const [key, value] of held) {
    const how = yield* outcome(
      Effect.tap(read(engine, key), (found) => Effect.sync(() => mustEqual(where, found, value)))
    )
    must(how === "ok" || how === "Corrupt", `${where}: a get ended ${how}`)
    corrupt ||= how === "Corrupt"
  }
  for (const reverse of [false, true]) {
    const texts = [...held].map(([key, value]) => `${key}=${value}`)
    if (reverse) texts.reverse()
    const found: Array<string> = []
    const visit = (key: Uint8Array, value: Uint8Array): void => {
      found.push(`${String.fromCharCode(...key)}=${String.fromCharCode(...value)}`)
    }
    const how = yield* outcome(engine.scan({ reverse }, visit))
    must(how === "ok" || how === "Corrupt", `${where}: a scan ended ${how}`)
    corrupt ||= how === "Corrupt"
    mustEqual(`${where}: what a scan saw`, found, how === "ok" ? texts : texts.slice(0, found.length))
  }
  return corrupt
})

interface Place {
  readonly path: string
  readonly offset: number
  readonly byte: number
}

/** Places all over the files of the engine, more of them in larger ones. */
const placesOf = Effect.fnUntraced(function* () {
  const disk = yield* Disk.Disk
  const files: Array<readonly [path: string, bytes: Uint8Array]> = []
  for (const name of yield* disk.list(directory)) {
    files.push([`${directory}/${name}`, yield* readWhole(`${directory}/${name}`)])
  }
  const stride = Math.max(1, Math.ceil(files.reduce((sum, [, bytes]) => sum + bytes.length, 0) / 150))
  return files.flatMap(([path, bytes]) =>
    Array.from({ length: Math.ceil(bytes.length / stride) }, (_, index): Place => {
      const offset = index * stride
      return { path, offset, byte: bytes[offset] }
    })
  )
})

/** Flips a bit for the time of `use`. */
const damaged = <A, E, R>({ byte, offset, path }: Place, use: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    yield* writeByte(path, offset, byte ^ (1 << (offset % 8)))
    const used = yield* use
    // An engine may remove a damaged file that it can do without.
    const disk = yield* Disk.Disk
    const name = path.slice(directory.length + 1)
    if ((yield* disk.list(directory)).includes(name)) yield* writeByte(path, offset, byte)
    return used
  })

/** Fails unless all that verification found is where the damage is. */
const mustBeAt = ({ offset, path }: Place, found: ReadonlyArray<Corrupt>): void => {
  const texts = found.map((one) => `${one.path} at ${one.offsetBytes}`)
  must(
    found.every((one) => one.path === path && one.offsetBytes <= offset),
    `${path} is damaged at ${offset}, verification reports ${texts.join()}`
  )
}

const forty = (): ReadonlyMap<string, string> =>
  new Map(Array.from({ length: 40 }, (_, index) => [numbered(index), `value ${index}`] as const))

const rot: ReadonlyArray<EngineClaim> = [
  {
    name: "a flipped bit in an engine's files is never returned: what was written, or Corrupt",
    incarnations: (subject) => [
      Effect.gen(function* () {
        const held = forty()
        yield* session(subject, (engine) =>
          Effect.gen(function* () {
            yield* engine.write(puttingAll([...held]))
            yield* engine.flush
            yield* engine.compact
          })
        )
        for (const place of yield* placesOf()) {
          const where = `${place.path} damaged at ${place.offset}`
          const use = session(subject, (engine) =>
            Effect.gen(function* () {
              const corrupt = yield* readsTruth(engine, where, held)
              const found = yield* rotOf(engine)
              must(!corrupt || found.length > 0, `${where}: a read met it, and verification found nothing`)
              mustBeAt(place, found)
            })
          )
          const how = yield* damaged(place, outcome(use))
          must(how === "ok" || how === "Corrupt", `${where}: opening ended ${how}`)
        }
        yield* session(subject, (engine) => mustHold(engine, "all is well again", [...held]))
      })
    ]
  },
  claim("verification finds what rots under an engine that runs, by file and offset", (engine) =>
    Effect.gen(function* () {
      const held = forty()
      yield* engine.write(puttingAll([...held]))
      yield* engine.flush
      yield* engine.compact
      const places = yield* placesOf()
      let finds = 0
      for (const place of places) {
        const found = yield* damaged(place, rotOf(engine))
        mustBeAt(place, found)
        if (found.length > 0) finds++
      }
      // Not all bytes of a file mean something.
      must(finds * 2 > places.length, `${places.length} places were damaged, verification found ${finds}`)
      yield* mustHold(engine, "what is there", [...held])
    })
  ),
  claim("verification reads everything once, in bounded steps, and finds nothing in what is whole", (engine) =>
    Effect.gen(function* () {
      for (let i = 0; i < 8; i++) {
        const entry = (_: unknown, index: number) => [numbered(100 * i + index), "x".repeat(50)] as const
        yield* engine.write(puttingAll(Array.from({ length: 50 }, entry)))
        yield* engine.flush
      }
      mustEqual("rot", (yield* rotOf(engine)).length, 0)
      yield* engine.compact
      mustEqual("rot", (yield* rotOf(engine)).length, 0)
    })
  )
]

/** What verification finds from beginning to end. */
const rotOf = Effect.fnUntraced(function* (engine: Service) {
  const found: Array<Corrupt> = []
  let [position, steps, bytes] = [0, 0, 0]
  do {
    const verified = yield* Completion.submit<Engine.Verified | undefined, StorageError>((done) =>
      engine.port.verify(position, done)
    )
    must(verified !== undefined, "verification tells what it found")
    found.push(...verified.rot)
    bytes += verified.bytesRead
    position = verified.position
    must(++steps < 100_000, "verification must come to its end")
  } while (position !== 0)
  must(bytes > 0, "verification reads something")
  return found
})

const sizes: ReadonlyArray<EngineClaim> = [
  claim("compaction gives back the space of what was overwritten and deleted", (engine) =>
    Effect.gen(function* () {
      for (let round = 0; round < 6; round++) {
        for (let i = 0; i < 20; i++) {
          const entry = (_: unknown, index: number) => [numbered(20 * i + index), `${round}`.repeat(200)] as const
          yield* engine.write(puttingAll(Array.from({ length: 20 }, entry)), "buffered")
        }
        yield* engine.flush
      }
      yield* engine.compact
      const full = yield* engine.stats
      must(full.diskBytes > 0, "the files have a size")
      yield* engine.write(deletingRange(numbered(20), "z"))
      yield* engine.flush
      yield* engine.compact
      const small = yield* engine.stats
      must(
        small.diskBytes * 2 < full.diskBytes,
        `400 entries took ${full.diskBytes} bytes, 20 of them take ${small.diskBytes}`
      )
      const list = Array.from({ length: 20 }, (_, index) => [numbered(index), "5".repeat(200)] as const)
      yield* mustHold(engine, "what is left", list)
    })
  ),
  claim("statistics count what callers wrote", (engine) =>
    Effect.gen(function* () {
      const before = yield* engine.stats
      yield* engine.write(
        puttingAll([
          ["a", "1"],
          ["bb", "22"]
        ])
      )
      yield* engine.write(puttingAll([["c", "3"]]), "buffered")
      yield* engine.flush
      const after = yield* engine.stats
      mustEqual("batches", after.batches - before.batches, 2)
      must(
        after.userBytes - before.userBytes >= 8,
        `8 bytes were written, ${after.userBytes - before.userBytes} counted`
      )
      must(after.writtenBytes > before.writtenBytes, "a flush writes to files")
      must(after.memoryBytes >= 0 && after.diskBytes > 0, "memory and files have a size")
    })
  )
]

export const claims: ReadonlyArray<EngineClaim> = [...rot, ...sizes]
