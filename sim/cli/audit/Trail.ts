/** Trail: reads the file of an audit trail from its beginning to its end, a piece at a time, and verifies it. */
import * as fs from "node:fs"
import * as AuditChain from "#keyspace/audit/AuditChain.ts"
import type { Entry } from "#keyspace/audit/AuditEntry.ts"
import * as AuditStream from "#keyspace/audit/AuditStream.ts"
import { AuditVerification, type Finding, type Report } from "#keyspace/audit/AuditVerification.ts"
import { size } from "../store/Output.ts"
import * as Terminal from "../Terminal.ts"
import type { Arguments } from "./Arguments.ts"
import * as Data from "./Data.ts"
import { Mistake } from "./Mistake.ts"

const pieceBytes = 1_048_576

export interface Verified extends Report {
  readonly path: string
  readonly sizeBytes: number
  readonly isSound: boolean
}

/** Gets each entry whose hash is that of its bytes, and where in the file it begins. */
export type OnEntry = (entry: Entry, offsetBytes: number) => void

const open = (path: string): number => {
  try {
    const file = fs.openSync(path, "r")
    if (fs.fstatSync(file).isFile()) return file
    fs.closeSync(file)
  } catch (error) {
    throw new Mistake(`${path}: ${(error as Error).message}`)
  }
  throw new Mistake(`${path}: that is not a file.`)
}

/** Throws `Mistake` where there is no trail. */
export const verify = (asked: Arguments, onEntry: OnEntry = () => {}): Promise<Verified> =>
  asked.isData ? verifyData(asked, onEntry) : Promise.resolve(verifyFile(asked, onEntry))

const verifyData = async ({ known, path }: Arguments, onEntry: OnEntry): Promise<Verified> => {
  const verification = new AuditVerification(known)
  const { heads, sizeBytes } = await Data.visit(path, (bytes, offsetBytes) => {
    const entry = verification.add(bytes, offsetBytes)
    if (entry !== undefined) onEntry(entry, offsetBytes)
  })
  const report = verification.finish(heads)
  return { ...report, path, sizeBytes, isSound: report.findings.length === 0 }
}

const verifyFile = ({ known, path }: Arguments, onEntry: OnEntry): Verified => {
  const verification = new AuditVerification(known)
  const reader = new AuditStream.AuditStreamReader((bytes, offsetBytes) => {
    const entry = verification.add(bytes, offsetBytes)
    if (entry !== undefined) onEntry(entry, offsetBytes)
  })
  const file = open(path)
  let sizeBytes = 0
  try {
    const total = fs.fstatSync(file).size
    const piece = new Uint8Array(pieceBytes)
    let count: number
    while ((count = fs.readSync(file, piece)) > 0) {
      sizeBytes += count
      if (reader.push(piece.subarray(0, count)) !== undefined) break
      Terminal.progress(() => `${path}: ${size(sizeBytes)} of ${size(total)}`)
    }
  } finally {
    fs.closeSync(file)
    Terminal.progressDone()
  }
  const end = reader.finish()
  const isBroken = end instanceof AuditStream.AuditStreamBroken
  if (isBroken && (end.reason === "foreign" || end.reason === "newer")) throw new Mistake(`${path}: ${end.message}.`)
  if (isBroken) verification.unreadable(end.offsetBytes, end.message)
  const report = verification.finish(isBroken ? [] : end.heads)
  return { ...report, path, sizeBytes, isSound: report.findings.length === 0 }
}

/** What a finding is about: `chain 7, entries 3 to 5`. */
export const placeOf = ({ chain, last, sequence }: Finding): string => {
  if (chain === undefined) return "no chain's"
  if (sequence === undefined) return `chain ${chain}`
  return `chain ${chain}, ${last === undefined || last === sequence ? `entry ${sequence}` : `entries ${sequence} to ${last}`}`
}

/** For machines. A trail that is not sound has no heads worth keeping. */
export const jsonOf = ({ chains, entries, findings, isSound, path, sizeBytes, unlisted }: Verified) => ({
  path,
  sound: isSound,
  bytes: sizeBytes,
  entries,
  chains: chains.map(({ chain, entries, head }) => ({
    chain,
    entries,
    head: isSound ? AuditChain.textOf(head) : null
  })),
  findings: findings.map(({ chain, last, message, offsetBytes, sequence, type }) => ({
    type,
    chain: chain ?? null,
    sequence: sequence ?? null,
    last: last ?? sequence ?? null,
    offsetBytes: offsetBytes ?? null,
    message
  })),
  unlisted
})
