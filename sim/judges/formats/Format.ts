/** Formats of histories by name, and a guess from a file's first bytes. */
import type * as History from "../History.ts"
import * as Etcd from "./Etcd.ts"
import * as Jepsen from "./Jepsen.ts"
import * as JsonLines from "./JsonLines.ts"
import { Malformed } from "./Malformed.ts"
import * as Text from "./Text.ts"

/** `porcupine`: its etcd logs; its key-value logs are EDN, and either name reads both. */
export type Format = "jsonl" | "edn" | "porcupine" | "text"

const headBytes = 4096

/** The format of some bytes, from how they begin. */
export const detect = (input: Uint8Array | string): Format => {
  const head =
    typeof input === "string" ? input.slice(0, headBytes) : new TextDecoder().decode(input.subarray(0, headBytes))
  const text = head
    .replace(/^\ufeff/, "")
    .replace(/^(\s*;[^\n]*\n?)+/, "")
    .trimStart()
  if (/^[rw]\s*\(/.test(text)) return "text"
  if (/^\[?\s*\{\s*("|\}\s*$)/.test(text)) return "jsonl"
  if (/^(INFO|WARN|DEBUG)\s/.test(text)) return "porcupine"
  if (/^[[({#]/.test(text)) return /^\[\s*\]/.test(text) ? "jsonl" : "edn"
  return "jsonl"
}

/** Reads a history in a format, or in the one that the bytes look like; refuses with `Malformed`. */
export const read = (input: Uint8Array | string, format: Format = detect(input)): History.History => {
  const binary = typeof input === "string" ? undefined : binaryKind(input)
  if (binary !== undefined) throw new Malformed({ line: 1, column: 1, problem: binary })
  switch (format) {
    case "jsonl":
      return JsonLines.read(input)
    case "edn":
      return Jepsen.read(input)
    case "porcupine":
      return detect(input) === "edn" ? Jepsen.read(input) : Etcd.read(input)
    case "text":
      return Text.read(input)
  }
}

/** What bytes are that no format is written in; `undefined` for text. */
const binaryKind = (bytes: Uint8Array): string | undefined => {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return "this is compressed: unpack it first"
  return bytes.subarray(0, headBytes).includes(0) ? "this is no text, so it is no history" : undefined
}
