/** What callers of sagas meet, beside the errors of transactions, and what steps say about themselves. */
import * as Data from "effect/Data"

/** There is a saga with this id that is not the one to be started: another definition, or another input. */
export class SagaExists extends Data.TaggedError("SagaExists")<{ readonly id: string; readonly message: string }> {}

export class SagaNotFound extends Data.TaggedError("SagaNotFound")<{ readonly id: string }> {}

/** No definition of this name and version was given to this store's `Sagas`; or it was, with other steps. */
export class UnknownDefinition extends Data.TaggedError("UnknownDefinition")<{
  readonly definition: string
  readonly version: number
  readonly message: string
}> {}

/** An id or a value that is none, or something that the saga's status does not allow; the message says which. */
export class SagaRefused extends Data.TaggedError("SagaRefused")<{ readonly message: string }> {}

/**
 * A step's action fails with this where it knows that it has done nothing, and never will under this key: there is nothing to be undone, unless
 * an earlier attempt is in doubt. No other attempt is made, unless `again` says so. After any other failure nobody knows.
 */
export class StepRejected extends Data.TaggedError("StepRejected")<{
  readonly message: string
  readonly again?: boolean
}> {}
