/** Judgement: one history file, one model, one level, one verdict. Each judge is loaded when a history is for it. */
import * as Format from "#sim/judges/formats/Format.ts"
import * as Question from "./Question.ts"

/** Refuses with `Malformed` what it cannot read, and with `Unsuited` operations that the model does not know. */
export const judge = async (bytes: Uint8Array, question: Question.Question): Promise<Question.Judged> => {
  const format = question.format ?? Format.detect(bytes)
  const history = Format.read(bytes, format)
  const asked = Question.judgeOf(question)
  if (asked.by === "elle") {
    const { judge: byElle } = await import("./ByElle.ts")
    return byElle(history, asked.model, question)
  }
  const { judge: byLinearizability } = await import("./ByLinearizability.ts")
  return byLinearizability(history, asked.model, format, question)
}
