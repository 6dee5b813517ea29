/** HyperLogLogs: PFADD, PFCOUNT, PFMERGE and what looks into them, as redis-server 7.0 has them (hyperloglog.c). */
import * as Latin1 from "#base/Latin1.ts"
import { classes } from "#database/redis/Engine.ts"
import type { Entry } from "#database/redis/Entry.ts"
import * as HyperLogLog from "#database/redis/HyperLogLog.ts"
import { StringValue, textOf } from "#database/redis/StringValue.ts"
import type { Call, Handler } from "../Call.ts"
import * as Refusal from "../Refusal.ts"

const notOne = new Refusal.Refusal("WRONGTYPE Key is not a valid HyperLogLog string value.")
const corrupt = new Refusal.Refusal("INVALIDOBJ Corrupted HLL object detected")

/** The bytes of one, to be read only. */
const bytesOf = ({ content }: Entry): Uint8Array => {
  const bytes = content instanceof StringValue ? content.bytes : Latin1.encode(textOf(content))
  if (typeof content === "number" || !HyperLogLog.isOne(bytes)) throw notOne
  return bytes
}

/** The one that a key holds, to be written to; the entry has it from now on. */
const writable = (entry: Entry): StringValue => {
  bytesOf(entry)
  return (entry.content = StringValue.of(entry.content))
}

const touched = (call: Call, entry: Entry, value: StringValue): void => {
  HyperLogLog.invalidate(value)
  call.db.touched(entry)
  call.notify(classes.string, "pfadd", entry.name)
}

const pfadd: Handler = (call) => {
  const { argv, db, engine, out } = call
  const key = argv[1]
  const existing = call.changeOf(key, "string")
  const entry = existing ?? db.add(key, HyperLogLog.make())
  const value = writable(entry)
  let isChanged = existing === undefined
  for (let i = 2; i < argv.length; i++) {
    const raised = HyperLogLog.add(value, argv[i], engine.settings.hllSparseMaxBytes)
    if (raised === "corrupt") throw corrupt
    if (raised === "raised") isChanged = true
  }
  if (isChanged) touched(call, entry, value)
  out.integer(isChanged ? 1 : 0)
}

/** The highest of each register of all that there are, and whether one of them is dense. */
const union = (call: Call, from: number): { readonly most: Uint8Array; readonly isDense: boolean } => {
  const most = new Uint8Array(HyperLogLog.registers)
  let isDense = false
  for (let i = from; i < call.argv.length; i++) {
    const entry = call.readOf(call.argv[i], "string")
    if (entry === undefined) continue
    const bytes = bytesOf(entry)
    if (!HyperLogLog.isSparse(bytes)) isDense = true
    if (!HyperLogLog.mergeInto(most, bytes)) throw corrupt
  }
  return { most, isDense }
}

const pfcount: Handler = (call) => {
  const { argv, out } = call
  if (argv.length > 2) return out.integer(HyperLogLog.countRegisters(union(call, 1).most))
  const entry = call.readOf(argv[1], "string")
  if (entry === undefined) return out.integer(0)
  const known = HyperLogLog.remembered(bytesOf(entry))
  if (known >= 0) return out.integer(known)
  const count = HyperLogLog.count(writable(entry))
  if (count === undefined) throw corrupt
  call.db.touched(entry)
  out.integer(count)
}

const pfmerge: Handler = (call) => {
  const { argv, db, engine, out } = call
  const { isDense, most } = union(call, 1)
  const key = argv[1]
  const entry = call.changeOf(key, "string") ?? db.add(key, HyperLogLog.make())
  const value = writable(entry)
  if (isDense && !HyperLogLog.toDense(value)) throw corrupt
  for (let i = 0; i < HyperLogLog.registers; i++) {
    if (most[i] > 0) HyperLogLog.raise(value, i, most[i], engine.settings.hllSparseMaxBytes)
  }
  touched(call, entry, value)
  out.ok()
}

const debugged = (call: Call): Entry => {
  const { argv } = call
  const entry = call.changeOf(argv[2], "string")
  if (entry === undefined) throw new Refusal.Refusal("ERR The specified key does not exist")
  bytesOf(entry)
  if (argv.length !== 3) {
    throw new Refusal.Refusal(`ERR Wrong number of arguments for the '${argv[1]}' subcommand`)
  }
  return entry
}

/** Makes it dense; true: it was not. */
const toDense = (call: Call, entry: Entry): boolean => {
  if (!HyperLogLog.isSparse(bytesOf(entry))) return false
  if (!HyperLogLog.toDense(writable(entry))) throw corrupt
  call.db.touched(entry)
  return true
}

const pfdebug: Handler = (call) => {
  const { argv, out } = call
  const entry = debugged(call)
  const word = argv[1].toLowerCase()
  if (word === "getreg") {
    toDense(call, entry)
    const all = HyperLogLog.denseRegisters(bytesOf(entry))
    out.array(all.length)
    for (const register of all) out.integer(register)
  } else if (word === "decode") {
    if (!HyperLogLog.isSparse(bytesOf(entry))) throw new Refusal.Refusal("ERR HLL encoding is not sparse")
    out.bulk(HyperLogLog.describe(bytesOf(entry)))
  } else if (word === "encoding") out.simple(HyperLogLog.isSparse(bytesOf(entry)) ? "sparse" : "dense")
  else if (word === "todense") out.integer(toDense(call, entry) ? 1 : 0)
  else throw new Refusal.Refusal(`ERR Unknown PFDEBUG subcommand '${argv[1]}'`)
}

/** Elements that the self-test adds, and how far an estimate may be off: three times the standard error. */
const testElements = 10_000
const testErrorMax = 3 * 0.0081

const pfselftest: Handler = ({ engine, out }) => {
  const sparse = HyperLogLog.make()
  const dense = HyperLogLog.make()
  HyperLogLog.toDense(dense)
  for (let added = 1; added <= testElements; added++) {
    const element = `${Math.floor(engine.random() * 4_294_967_296)}:${added}`
    HyperLogLog.add(sparse, element, engine.settings.hllSparseMaxBytes)
    HyperLogLog.add(dense, element, 0)
    if (added % 1_000 !== 0) continue
    const count = HyperLogLog.count(dense) ?? -1
    if (HyperLogLog.count(sparse) !== count) throw new Refusal.Refusal("ERR TESTFAILED sparse and dense differ")
    if (Math.abs(count - added) > Math.ceil(testErrorMax * added)) {
      throw new Refusal.Refusal(`ERR TESTFAILED Too big error. card:${added} abserr:${Math.abs(count - added)}`)
    }
  }
  out.ok()
}

export const handlers: Readonly<Record<string, Handler>> = { pfadd, pfcount, pfdebug, pfmerge, pfselftest }
