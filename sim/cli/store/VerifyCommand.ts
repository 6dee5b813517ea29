/** `verify`: reads all stores at a place; true when nothing is wrong with them. */
import * as Effect from "effect/Effect"
import * as Verification from "#storage/inspect/Verification.ts"
import { Corrupt } from "#storage/StorageError.ts"
import * as Format from "../Format.ts"
import * as Terminal from "../Terminal.ts"
import type { Arguments } from "./Arguments.ts"
import { type Output, size } from "./Output.ts"
import * as Place from "./Place.ts"
import * as Running from "./Running.ts"
import * as Stores from "./Stores.ts"

/** Paths are as somebody here would write them. */
interface Verified extends Verification.Report {
  readonly path: string
}

/** What an engine meets that opens the store with its log. */
const metByEngine = async (place: Place.Place, stream: number | undefined): Promise<ReadonlyArray<Corrupt>> => {
  const opening = Effect.scoped(Stores.open(place, { stream, isReading: true }))
  try {
    await Running.onOverlay(place.root, Effect.asVoid(opening))
    return []
  } catch (error) {
    if (error instanceof Corrupt) return [error]
    throw error
  }
}

const placeOf = ({ offsetBytes, path }: Corrupt): string => `${path}:${offsetBytes}`

const verify = async (place: Place.Place, { stream }: Arguments): Promise<Verified> => {
  const { directory, kind, log, root } = place
  const path = Place.shown(root, directory)
  const total = Place.usedBytes(root, directory)
  let read = 0
  const onRead = (sizeBytes: number): void => {
    read += sizeBytes
    Terminal.progress(() => `${path}: ${size(read)} of ${size(Math.max(read, total))}`)
  }
  const report = await Running.onFiles(root, Verification.verify(directory, kind), { onRead })
  const met = log === undefined ? [] : await metByEngine(place, stream)
  const rot = report.rot.map(
    ({ message, offsetBytes, path }) => new Corrupt({ path: Place.shown(root, path), offsetBytes, message })
  )
  const known = new Set(rot.map(placeOf))
  rot.push(...met.filter((each) => !known.has(placeOf(each))))
  Terminal.progressDone()
  return { ...report, kind, path, rot }
}

const show = (output: Output, { bytes, files, isTorn, kind, leftOver, path, rot, units }: Verified): void => {
  const word = rot.length === 0 ? Terminal.paint.green("ok ") : Terminal.paint.red("ROT")
  const facts = [kind, Format.counted(files, "file"), size(bytes), Format.counted(units, "unit")]
  output.line(`${word}  ${path}  ${facts.join(" · ")}`)
  for (const each of rot) output.line(`  ${placeOf(each)}  ${each.message}`)
  if (isTorn) output.line("  its end was torn off by a crash; the next opening cuts it")
  if (leftOver.length > 0) output.line(`  left over, removed by the next opening: ${leftOver.join(" ")}`)
}

export const run = async (asked: Arguments, output: Output): Promise<boolean> => {
  let isClean = true
  for (const place of Place.all(asked.path, asked.log)) {
    const verified = await verify(place, asked)
    const { kind, path, rot, ...more } = verified
    const clean = rot.length === 0
    isClean &&= clean
    if (!asked.json) show(output, verified)
    else {
      const places = rot.map(({ message, offsetBytes, path }) => ({ path, offsetBytes, message }))
      output.json({ path, kind, clean, ...more, rot: places })
    }
    output.flush()
  }
  return isClean
}
