/** The refusal of every judge: the history has an operation that the model does not know. */
export class Unsuited extends Error {
  readonly _tag = "Unsuited"
  override readonly name = "Unsuited"
  readonly row: number

  constructor(row: number, message: string) {
    super(message)
    this.row = row
  }
}
