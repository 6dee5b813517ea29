/** `dump`: the entries of an engine, the records of a log, or what files are made of; false when rot was met. */
import * as path from "node:path"
import * as Effect from "effect/Effect"
import * as Engine from "#storage/Engine.ts"
import * as Opened from "#storage/inspect/Opened.ts"
import * as Operations from "#storage/inspect/Operations.ts"
import { fileKind } from "#storage/inspect/StoreKind.ts"
import type { Entry, FieldValue, Unit } from "#storage/inspect/Unit.ts"
import type { Corrupt, StorageError } from "#storage/StorageError.ts"
import * as Wal from "#storage/wal/Wal.ts"
import * as Completion from "#world/Completion.ts"
import { Disk } from "#world/Disk.ts"
import * as Terminal from "../Terminal.ts"
import { type Arguments, Mistake } from "./Arguments.ts"
import * as Escape from "./Escape.ts"
import type { Output } from "./Output.ts"
import * as Place from "./Place.ts"
import * as Running from "./Running.ts"
import * as Stores from "./Stores.ts"

type Json = Readonly<Record<string, string | number | boolean>>

const texts = ({ key, kind, sequence, to, value }: Entry, asked: Arguments): Json => ({
  kind,
  key: Escape.textOf(key, asked),
  ...(value === undefined ? {} : { value: Escape.textOf(value, asked) }),
  ...(to === undefined ? {} : { to: Escape.textOf(to, asked) }),
  ...(sequence === undefined ? {} : { sequence })
})

const entryLine = (entry: Entry, asked: Arguments): string => {
  const { key, kind, sequence, to, value } = texts(entry, asked)
  const version = sequence === undefined ? "" : `${sequence}\t`
  const rest = to ?? value
  return `${version}${kind}\t${key}${rest === undefined ? "" : `\t${rest}`}`
}

const entries = async (asked: Arguments, place: Place.Place, output: Output): Promise<void> => {
  let left = asked.limit
  const dump = Effect.gen(function* () {
    const engine = Engine.make(yield* Stores.open(place, { stream: asked.stream, isReading: true }))
    if (left === 0) return
    yield* engine.scan({ bounds: asked.bounds }, (key, value) => {
      const [keyText, valueText] = [Escape.textOf(key, asked), Escape.textOf(value, asked)]
      if (asked.json) output.json({ key: keyText, value: valueText })
      else output.line(`${keyText}\t${valueText}`)
      return --left > 0
    })
  })
  await Running.onOverlay(place.root, dump)
}

/** The records that the streams of a log have, as their owners would get them. */
class Records {
  readonly damage: Array<Corrupt> = []
  private left: number
  private readonly asked: Arguments
  private readonly output: Output

  constructor(asked: Arguments, output: Output) {
    this.asked = asked
    this.output = output
    this.left = asked.limit
  }

  replay(stream: number) {
    return {
      record: (position: number, bytes: Uint8Array, from: number, to: number): void => {
        if (this.left-- <= 0) return
        const operations = Operations.read(bytes, from, to)
        if (this.asked.json) this.json(stream, position, to - from, operations)
        else {
          this.output.line(`stream ${stream}  record ${position}  ${to - from} bytes`)
          for (const operation of operations ?? []) this.output.line(`  ${entryLine(operation, this.asked)}`)
        }
      },
      damaged: (_: number, corrupt: Corrupt): void => {
        this.damage.push(corrupt)
      }
    }
  }

  private json(stream: number, position: number, sizeBytes: number, operations: ReadonlyArray<Entry> | undefined) {
    const more = operations === undefined ? {} : { operations: operations.map((entry) => texts(entry, this.asked)) }
    this.output.json({ stream, position, sizeBytes, ...more })
  }
}

const records = async (asked: Arguments, { directory, root }: Place.Place, output: Output): Promise<boolean> => {
  const found = new Records(asked, output)
  const dump = Effect.gen(function* () {
    const { streams } = yield* Opened.logContents(directory)
    const log = yield* Wal.open({ directory, aheadBytes: 0 })
    for (const { stream } of streams) {
      if (asked.stream !== undefined && asked.stream !== stream) continue
      const replay = found.replay(stream)
      yield* Completion.submit<void, StorageError>((done) => log.replay(stream, 0, replay, done))
    }
    return [...log.damage.map(({ corrupt }) => corrupt), ...found.damage]
  })
  const damage = await Running.onOverlay(root, dump)
  output.flush()
  for (const { message, offsetBytes, path } of damage) {
    process.stderr.write(`${Place.shown(root, path)}:${offsetBytes}: ${message}\n`)
  }
  return damage.length === 0
}

const fieldText = (value: FieldValue, style: Escape.Style): string | number | boolean =>
  value instanceof Uint8Array ? Escape.textOf(value, style) : value

const unitLine = ({ fields, offsetBytes, problem, sizeBytes, what }: Unit, asked: Arguments): string => {
  const texts = Object.entries(fields).map(([name, value]) => `${name}=${String(fieldText(value, asked))}`)
  const place = `${String(offsetBytes).padStart(10)} ${String(sizeBytes).padStart(8)}`
  return `${place}  ${[what, ...texts].join(" ")}${problem === undefined ? "" : `  DAMAGED: ${problem}`}`
}

const units = async (asked: Arguments, output: Output): Promise<boolean> => {
  const { files, root } = Place.files(asked.path)
  const known = files.filter((file) => fileKind(path.basename(file)) !== undefined)
  if (known.length === 0) throw new Mistake(`${asked.path}: is no file of a store, and holds none.`)
  let isClean = true
  let left = asked.limit
  const tell = (file: string, unit: Unit): void => {
    if (unit.problem !== undefined) isClean = false
    if (left-- <= 0) return
    const { entries = [], fields, ...rest } = unit
    const shown = asked.entries ? entries : []
    if (asked.json) {
      const plain = Object.fromEntries(
        Object.entries(fields).map(([name, value]) => [name, fieldText(value, asked)] as const)
      )
      const more = asked.entries ? { entries: shown.map((entry) => texts(entry, asked)) } : {}
      return output.json({ file, ...rest, fields: plain, ...more })
    }
    output.line(unitLine(unit, asked))
    for (const entry of shown) output.line(`${" ".repeat(21)}${entryLine(entry, asked)}`)
  }
  for (const file of known) {
    const shown = Place.shown(root, file)
    if (!asked.json) output.line(shown)
    const { number, walk } = fileKind(path.basename(file))!
    const dump = Effect.gen(function* () {
      const handle = yield* (yield* Disk).open(file)
      const source = { path: file, number, handle, sizeBytes: yield* handle.size }
      yield* walk(source, { unit: (unit) => tell(shown, unit), wantsEntries: asked.entries })
    })
    await Running.onFiles(root, dump)
  }
  return isClean
}

export const run = async (asked: Arguments, output: Output): Promise<boolean> => {
  if (asked.format) return units(asked, output)
  const place = Place.one(asked.path, asked.log)
  if (place.kind === "log") return records(asked, place, output)
  if (place.kind !== "btree" && place.log === undefined) {
    Terminal.note("Without --log: what only the log has is left out.")
  }
  await entries(asked, place, output)
  return true
}
