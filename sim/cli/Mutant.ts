/**
 * Mutant: one planted bug as a patch. The suite must find every one of `sim/mutants/*.patch`.
 *
 * A mutant is a file that `git apply` takes, against today's code, with a header above its diff (git passes over what
 * comes before the first `diff` line):
 *
 *     bug: an acknowledgement leaves before the sync that it speaks of
 *     source: NATS 2.12.1, Jepsen
 *     scenarios: counter/durable, log/quorum
 *     judge: durable
 *     faults: crash, lose-unsynced
 *
 *     diff --git a/src/... b/src/...
 *
 * - `bug` (wanted): one sentence, what the patched code does wrong.
 * - `source`: where such a bug was seen; a number of BUGS, an issue, a paper.
 * - `scenarios`: those that are run, in turn; without it, those whose code the patch changes.
 * - `judge`: the judge, or one of the judges, that should fire; without it, any may.
 * - `faults`: every run has these and no others, for a bug that needs a fault which its scenario does not declare.
 *
 * Other lines are passed over, so that mail from `git format-patch` and bare diffs are mutants too. The file's name
 * without `.patch` is the mutant's name.
 */
import * as path from "node:path"
import type { Kind } from "#sim/faults/Fault.ts"
import { UsageError } from "./CliError.ts"
import * as Parse from "./Parse.ts"
import * as Request from "./Request.ts"

export interface Mutant {
  readonly name: string
  readonly file: string
  readonly bug: string
  readonly source: string
  /** Empty: those whose code the patch changes. */
  readonly scenarios: ReadonlyArray<string>
  /** Empty: any. */
  readonly judges: ReadonlyArray<string>
  readonly faults: ReadonlyArray<Kind> | undefined
}

const diffStart = /^(diff --git |--- |Index: )/m

/** Reads a patch's header; throws `UsageError` when there is no diff, or when the header names what does not exist. */
export const parse = (file: string, content: string): Mutant => {
  const text = content.replaceAll("\r\n", "\n")
  const start = diffStart.exec(text)?.index
  if (start === undefined || !/^@@ /m.test(text.slice(start))) {
    throw new UsageError({
      message: `${file}: not a patch. It needs a unified diff, as "git diff" writes it, below its header.`
    })
  }
  const fields = new Map<string, string>()
  for (const line of text.slice(0, start).split("\n")) {
    const field = /^(?:# ?)?(bug|source|scenarios?|judges?|faults):\s*(.*\S)\s*$/.exec(line)
    if (field !== null) fields.set(field[1].replace(/^(scenario|judge)s?$/, "$1s"), field[2])
  }
  const named = (key: string): ReadonlyArray<string> => Parse.list(fields.get(key) ?? "")
  const faults = fields.get("faults")
  try {
    return {
      name: path.basename(file).replace(/\.(patch|diff)$/, ""),
      file,
      bug: fields.get("bug") ?? "",
      source: fields.get("source") ?? "",
      scenarios: named("scenarios").map(Request.scenarioName),
      judges: named("judges"),
      faults: faults === undefined ? undefined : Parse.faults(faults)
    }
  } catch (error) {
    throw error instanceof UsageError ? new UsageError({ message: `${file}: ${error.message}` }) : error
  }
}
