/**
 * Quint: specifications on disk, parsed, type-checked and ready to be evaluated by Quint's own TypeScript evaluator, which
 * alone decides what they mean. Nothing here knows what is specified.
 *
 * Source: Quint, https://quint.sh. Its evaluator has no documented interface: the version is pinned exactly, and what is
 * used of it stands in this file.
 */
import { prettyQuintEx } from "@informalsystems/quint/dist/src/graphics.js"
import { newIdGenerator } from "@informalsystems/quint/dist/src/idGenerator.js"
import type { QuintEx } from "@informalsystems/quint/dist/src/ir/quintIr.js"
import { walkExpression } from "@informalsystems/quint/dist/src/ir/IRVisitor.js"
import type { LookupDefinition } from "@informalsystems/quint/dist/src/names/base.js"
import { parse, parseExpressionOrDeclaration } from "@informalsystems/quint/dist/src/parsing/quintParserFrontend.js"
import { fileSourceResolver } from "@informalsystems/quint/dist/src/parsing/sourceResolver.js"
import { format } from "@informalsystems/quint/dist/src/prettierimp.js"
import { analyzeModules } from "@informalsystems/quint/dist/src/quintAnalyzer.js"
import type { QuintError } from "@informalsystems/quint/dist/src/quintError.js"
import { newRng } from "@informalsystems/quint/dist/src/rng.js"
import { buildExpr } from "@informalsystems/quint/dist/src/runtime/impl/builder.js"
import { Evaluator } from "@informalsystems/quint/dist/src/runtime/impl/evaluator.js"
import { rv, type RuntimeValue } from "@informalsystems/quint/dist/src/runtime/impl/runtimeValue.js"
import { newTraceRecorder } from "@informalsystems/quint/dist/src/runtime/trace.js"

/** The specification is none: it does not parse, its types do not fit, or it has no value where one is asked for. */
export class SpecificationError extends Error {}

export type Value = RuntimeValue
export type Expression = QuintEx

/**
 * JSON as Quint has it: numbers are ints, arrays lists, `{tag, value}` a variant, `{map}` the pairs of a map, `{set}` what is in a set, the rest
 * records.
 */
export type Json =
  | number
  | string
  | boolean
  | ReadonlyArray<Json>
  | { readonly tag: string; readonly value?: Json }
  | { readonly map: ReadonlyArray<readonly [Json, Json]> }
  | { readonly set: ReadonlyArray<Json> }
  | { readonly [field: string]: Json }

export const toValue = (json: Json): Value => {
  if (typeof json === "number") return rv.mkInt(json)
  if (typeof json === "string") return rv.mkStr(json)
  if (typeof json === "boolean") return rv.mkBool(json)
  if (Array.isArray(json)) return rv.mkList(json.map(toValue))
  const fields = json as { readonly [field: string]: any }
  if (typeof fields.tag === "string")
    return rv.mkVariant(fields.tag, fields.value === undefined ? rv.mkTuple([]) : toValue(fields.value))
  if (fields.map !== undefined)
    return rv.mkMap(fields.map.map(([key, value]: [Json, Json]) => [toValue(key), toValue(value)]))
  if (fields.set !== undefined) return rv.mkSet(fields.set.map(toValue))
  return rv.mkRecord(Object.entries(fields).map(([name, value]) => [name, toValue(value)]))
}

/** A file of specifications with all that it imports. */
export class Source {
  readonly name: string
  private readonly ids = newIdGenerator()
  private readonly parsed: ReturnType<typeof parse>

  /** `text`: instead of what stands in the file. Throws `SpecificationError` with the places of all mistakes. */
  constructor(file: { readonly folder: string; readonly name: string; readonly text?: string }) {
    this.name = file.name
    const sources = new Map<string, string>()
    const resolver = fileSourceResolver(sources)
    const path = resolver.lookupPath(file.folder, file.name)
    const loaded = resolver.load(path)
    const text = file.text ?? (loaded.isRight() ? loaded.value : undefined)
    if (text === undefined) throw new SpecificationError(`${file.name} cannot be read`)
    this.parsed = parse(this.ids, path.normalizedPath, path, text, sources)
    this.refuse(this.parsed.errors)
    this.refuse(analyzeModules(this.parsed.table, this.parsed.modules)[0])
  }

  refuse(errors: ReadonlyArray<QuintError>): void {
    if (errors.length === 0) return
    const lines = errors.map((error) => {
      const at = error.reference === undefined ? undefined : this.parsed.sourceMap.get(error.reference)
      if (at === undefined) return `${this.name}: ${error.message}`
      const file = at.source.slice(at.source.lastIndexOf("/") + 1)
      return `${file}:${at.start.line + 1}:${at.start.col + 1}: ${error.message}`
    })
    throw new SpecificationError([...new Set(lines)].join("\n"))
  }

  /** One of its modules, with a state of its own. The seed decides what is drawn. */
  specification(module: string, seed: bigint): Specification {
    const rng = newRng(seed)
    return new Specification(this, module, new Evaluator(this.parsed.table, newTraceRecorder(0, rng, 1), rng))
  }

  /** The `run` tests of a module. */
  tests(module: string): ReadonlyArray<LookupDefinition> {
    const definitions = this.parsed.resolver.collector.definitionsByModule.get(module)
    if (definitions === undefined) throw new SpecificationError(`${this.name} has no module ${module}`)
    return [...definitions.values()].flat().filter((found) => found.kind === "def" && found.qualifier === "run")
  }

  /** An expression in the words of a module. */
  expression(module: string, text: string): Expression {
    const found = parseExpressionOrDeclaration(text, "<expression>", this.ids, this.parsed.sourceMap)
    if (found.kind !== "expr") throw new SpecificationError(`${text} is no expression`)
    const { resolver } = this.parsed
    resolver.switchToModule(module)
    walkExpression(resolver, found.expr)
    this.refuse(resolver.errors)
    return found.expr
  }
}

export class Specification {
  readonly evaluator: Evaluator
  private readonly source: Source
  private readonly module: string
  /** Evaluates to something: the way to a value of the evaluator's own kind of result. */
  private readonly anything: Expression

  constructor(source: Source, module: string, evaluator: Evaluator) {
    this.source = source
    this.module = module
    this.evaluator = evaluator
    this.anything = this.expression("true")
  }

  expression(text: string): Expression {
    return this.source.expression(this.module, text)
  }

  /** The value of an expression in the present state. */
  evaluate(expression: Expression): Value {
    const result = this.result(expression)
    if (result.isRight()) return result.value
    this.source.refuse([result.value])
    throw new SpecificationError(result.value.message)
  }

  private result(expression: Expression) {
    return buildExpr(this.evaluator["builder"], expression)(this.evaluator.ctx)
  }

  /** Takes an action if it is enabled: the next state is the present one then. */
  act(action: Expression): boolean {
    if (!this.evaluate(action).toBool()) return false
    this.evaluator.shift()
    // Nobody looks at the states before.
    this.evaluator.trace.reset()
    return true
  }

  /** Starts over. */
  begin(init: Expression): void {
    this.evaluator.reset()
    if (!this.act(init)) throw new SpecificationError(`${this.module} has no first state`)
  }

  /** Sets a variable, as an input from outside. */
  put(variable: string, value: Value): void {
    const { varStorage } = this.evaluator.ctx
    const register = varStorage.vars.find(({ name }) => name === variable || name.endsWith(`::${variable}`))
    if (register === undefined) throw new SpecificationError(`${this.module} has no variable ${variable}`)
    register.value = this.result(this.anything).map(() => value)
    varStorage["clearCaches"]()
  }
}

export const fields = (record: Value): ReadonlyArray<readonly [string, Value]> => [...record.toOrderedMap().entries()]

export const field = (record: Value, name: string): Value => {
  const value = record.toOrderedMap().get(name)
  if (value === undefined) throw new SpecificationError(`there is no field ${name}`)
  return value
}

/** The texts of a set of them. */
export const texts = (set: Value): ReadonlyArray<string> => [...set.toSet()].map((text) => text.toStr())

const widthMax = 110

export const showExpression = (expression: Expression): string => format(widthMax, 0, prettyQuintEx(expression))

export const show = (value: Value): string => showExpression(rv.toQuintEx(value))
