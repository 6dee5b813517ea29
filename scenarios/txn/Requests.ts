/**
 * Requests: what clients and servers of transactions say to each other, behind the head of `Call.ts`.
 *
 * A transaction runs once, whatever becomes of the datagrams that ask for it. Its client asks one server, which remembers what it has under
 * way for it and what it answered last; and only in the life of that server that the client has been greeted by, because the next one has
 * forgotten.
 *
 * | request, after `kind u8`                   | answer                                                                    |
 * | ------------------------------------------ | ------------------------------------------------------------------------- |
 * | greet                                      | `life u32`                                                                |
 * | run: `life u32`, a program as JSON         | `ending u8`; of one that is committed what is to be known, else why not, as JSON |
 * | manage: `deed u8`, `place u8`, `server u8` | `u8`, whether it was done                                                 |
 * | tell                                       | `u8`, whether the server has told what it has of the audit trail          |
 */
import type { Reader, Writer } from "#base/Bytes.ts"
import type { Program, Seen } from "./Step.ts"

export const kinds = { greet: 1, run: 2, manage: 3, tell: 4 } as const
/** What administrators have done to the range at a place: split there, merged with its right neighbour, led by another, on or off a server. */
export const deeds = ["split", "merge", "lead", "add", "remove"] as const
export type Deed = (typeof deeds)[number]
/** `elsewhere`: the server began anew. */
export const endings = { committed: 1, aborted: 2, unknown: 3, elsewhere: 4 } as const

export interface Committed {
  readonly id: number
  /** It began where another transaction was committed. */
  readonly follows: boolean
  readonly at: number
  readonly attempts: number
  readonly seen: ReadonlyArray<Seen>
}

const utf8 = new TextEncoder()
const text = new TextDecoder()

export interface Management {
  readonly deed: Deed
  readonly place: number
  readonly server: number
}

export const writeManagement = (writer: Writer, { deed, place, server }: Management): Writer =>
  writer.u8(kinds.manage).u8(deeds.indexOf(deed)).u8(place).u8(server)

export const readManagement = (body: Reader): Management => ({
  deed: deeds[body.u8()],
  place: body.u8(),
  server: body.u8()
})

export const writeProgram = (writer: Writer, life: number, program: Program): Writer =>
  writer
    .u8(kinds.run)
    .u32(life)
    .raw(utf8.encode(JSON.stringify(program)))

const readJson = (body: Reader): unknown => JSON.parse(text.decode(body.rest()))

export const readProgram = (body: Reader): Program => readJson(body) as Program

export type Ending =
  | { readonly type: "committed"; readonly value: Committed }
  | { readonly type: "aborted" | "unknown"; readonly reason: string }
  | { readonly type: "elsewhere" }

export const writeEnding = (writer: Writer, ending: Ending): Writer => {
  writer.u8(endings[ending.type])
  if (ending.type === "elsewhere") return writer
  return writer.raw(utf8.encode(JSON.stringify(ending.type === "committed" ? ending.value : ending.reason)))
}

export const readEnding = (body: Reader): Ending | undefined => {
  switch (body.u8()) {
    case endings.committed:
      return { type: "committed", value: readJson(body) as Committed }
    case endings.aborted:
      return { type: "aborted", reason: String(readJson(body)) }
    case endings.unknown:
      return { type: "unknown", reason: String(readJson(body)) }
    case endings.elsewhere:
      return { type: "elsewhere" }
    default:
      return undefined
  }
}
