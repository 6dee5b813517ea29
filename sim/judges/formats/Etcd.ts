/**
 * Porcupine's test logs of etcd: what Jepsen printed while clients used one compare-and-set register,
 *
 *   INFO  jepsen.util - 3	:invoke	:cas	[1 4]
 *   INFO  jepsen.util - 3	:fail	:cas	[1 4]
 *
 * Here a failed cas did not match, which is evidence: it is read as `ok` with the output false. A read or cas that
 * failed by `:timed-out` says nothing, and nil as what a read returned means that nothing was there.
 */
import * as History from "../History.ts"
import { text, type Value } from "../Value.ts"
import { isDigit, Source } from "./Source.ts"

const outcomes: ReadonlyMap<string, History.OutcomeName> = new Map([
  [":ok", "ok"],
  [":fail", "failed"],
  [":info", "unknown"]
])

const mark = "jepsen.util - "

/** Reads a log; lines of other kinds are passed over. Refuses with `Malformed`. */
export const read = (input: Uint8Array | string): History.History => {
  const source = new Source(input)
  const builder = new History.Builder()
  const { bytes } = source
  for (let start = source.at; start < bytes.length;) {
    let stop = start
    while (stop < bytes.length && bytes[stop] !== 0x0a) stop += 1
    const line = source.text(start, stop)
    const place = line.indexOf(mark)
    const rest = place < 0 ? "" : line.slice(place + mark.length)
    if (isDigit(rest.charCodeAt(0))) event(source, builder, rest, start + place + mark.length)
    start = stop + 1
  }
  return builder.build()
}

const event = (source: Source, builder: History.Builder, said: string, offset: number): void => {
  const [process, type, name, ...rest] = said.trim().split(/\s+/)
  const value = rest.join(" ")
  if (name === undefined || !/^:\w+$/.test(name))
    source.fail("a process, a type, a function and a value are due", offset)
  const f = name!.slice(1)
  let problem: string | undefined
  if (type === ":invoke") problem = builder.invoke(Number(process), f, valueOf(source, value, offset))
  else {
    const outcome = outcomes.get(type!)
    if (outcome === undefined) source.fail(`the type ${type} is none of :invoke, :ok, :fail, :info`, offset)
    if (f === "cas" && outcome !== "unknown" && value !== ":timed-out") {
      problem = builder.complete(Number(process), "ok", outcome === "ok")
    } else {
      const output = value === ":timed-out" ? null : valueOf(source, value, offset)
      problem = builder.complete(Number(process), outcome!, output)
    }
  }
  if (problem !== undefined) source.fail(problem, offset)
}

const valueOf = (source: Source, said: string, offset: number): Value => {
  if (said === "nil") return null
  if (/^-?\d+$/.test(said)) return Number(said)
  const pair = /^\[(-?\d+) (-?\d+)\]$/.exec(said)
  return pair === null
    ? source.fail(`${JSON.stringify(said)} is no value of these logs`, offset)
    : [Number(pair[1]), Number(pair[2])]
}

/** Writes the history of a compare-and-set register of whole numbers, one event a line, each line with its end. */
export function* write(history: History.History): Generator<string> {
  for (const { row, type } of History.events(history)) {
    const name = history.functions[row]!
    const output = history.outputs[row]!
    const value = type === "invoke" || name !== "read" ? text(history.inputs[row]!) : text(output)
    const said =
      type === "invoke"
        ? `:invoke\t:${name}\t${value}`
        : type === "ok"
          ? `${name === "cas" && output === false ? ":fail" : ":ok"}\t:${name}\t${value}`
          : `${type === "failed" ? ":fail" : ":info"}\t:${name}\t:timed-out`
    yield `INFO  ${mark}${history.processes[row]!}\t${said}\n`
  }
}
