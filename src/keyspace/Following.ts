/**
 * Following: reads that a replica answers which need not lead: as of a timestamp up to which it has everything (`RangeMachine.closed`). Without
 * a word to anybody: what was closed stays so. Where there is an intent that may be committed before that, or anything is not as it should be,
 * the leaseholder is to be asked.
 */
import type * as Engine from "#storage/Engine.ts"
import * as Keys from "#storage/Keys.ts"
import type { StorageError } from "#storage/StorageError.ts"
import type { Services } from "./Leaseholder.ts"
import { contains, type RangeMachine } from "./RangeMachine.ts"
import * as Reading from "./Reading.ts"
import { Page } from "./Page.ts"
import type { Request, Response, Span, Value } from "./Request.ts"
import { touched } from "./Task.ts"

type Read = Extract<Request, { readonly type: "get" | "scan" }>

/** Whether the replica has everything that is asked for. */
export const canAnswer = (machine: RangeMachine, request: Request): request is Read => {
  if (request.type !== "get" && request.type !== "scan") return false
  const { state } = machine
  if (state === undefined || state.phase !== "ready") return false
  if (request.at > machine.closed || request.at < state.floor) return false
  const { reads, readSpans } = touched(request)!
  return (
    reads.every((key) => contains(state.descriptor, key)) &&
    readSpans.every(({ from, to }) => contains(state.descriptor, from) && Keys.compare(to, state.descriptor.to) <= 0)
  )
}

/** What is told of one span, or of one key: the item, until false. */
type Visit = (item: Reading.Item) => boolean

/** `done` gets no response when the leaseholder is to be asked. */
export const answer = (
  machine: RangeMachine,
  services: Services,
  request: Read,
  done: Engine.Done<Response | undefined>
): void => {
  const { at } = request
  let isUnclear = false
  const visitIf =
    (visit: Visit): Visit =>
    (item) => {
      isUnclear ||= item.intent !== undefined && item.intent.txn.id < at
      return !isUnclear && visit(item)
    }
  const ended = (error: StorageError | undefined, response: () => Response): void => {
    // What was read may have been forgotten meanwhile, or be another range's.
    const isAnswer = error === undefined && !isUnclear && canAnswer(machine, request)
    done(error, isAnswer ? response() : undefined)
  }
  const look = (span: Span, reverse: boolean, visit: Visit, then: (error: StorageError | undefined) => void): void =>
    Reading.scan(services.port, { span, at, reverse }, visitIf(visit), (goOn) => services.defer(goOn), then)
  if (request.type === "scan") {
    const page = new Page(request)
    return look(request.span, request.reverse, page.visit, (error) =>
      ended(error, () => ({ type: "entries", entries: page.entries, resume: page.resume }))
    )
  }
  const values: Array<Value> = []
  const next = (index: number): void => {
    if (index === request.keys.length) return ended(undefined, () => ({ type: "values", values }))
    const key = request.keys[index]
    let value: Value = { value: undefined, at: 0 }
    const visit: Visit = ({ seen }) => {
      if (seen !== undefined) value = { value: Reading.kept(seen.value), at: seen.at }
      return true
    }
    look({ from: key, to: Keys.after(key) }, false, visit, (error) => {
      values.push(value)
      if (error === undefined) next(index + 1)
      else ended(error, () => ({ type: "values", values }))
    })
  }
  next(0)
}
