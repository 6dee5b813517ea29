/** The refusal of every reader: the input is not what the format says, at this line and column (both from 1). */
export class Malformed extends Error {
  readonly _tag = "Malformed"
  override readonly name = "Malformed"
  readonly line: number
  /** In characters. */
  readonly column: number
  readonly problem: string

  constructor(at: { readonly line: number; readonly column: number; readonly problem: string }) {
    super(`line ${at.line}, column ${at.column}: ${at.problem}`)
    this.line = at.line
    this.column = at.column
    this.problem = at.problem
  }
}
