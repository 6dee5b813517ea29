/**
 * Telemetry: a node's events and spans to a collector, by OTLP over HTTP (JSON), when `otlp-url` names one.
 *
 * The exporters are Effect's own and live outside of the node's World: what the network to the collector does is nothing to the node. What cannot be
 * delivered is dropped; what waits when the node ends has three seconds.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as OtlpLogger from "effect/observability/OtlpLogger"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"
import * as OtlpTracer from "effect/observability/OtlpTracer"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { type Level, Trace } from "#world/Trace.ts"
import type { World } from "#world/World.ts"

export interface Telemetry {
  /** The program with its spans and events exported, besides what it does with them. */
  readonly watch: <A, E>(program: Effect.Effect<A, E, World>) => Effect.Effect<A, E, World>
  readonly close: () => Promise<void>
}

export interface Options {
  /** The collector's, such as http://127.0.0.1:4318. */
  readonly url: string
  readonly version: string
  readonly node: string
  /** The least that is exported. */
  readonly levelMin: Level
}

const ranks: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 }
const names = { debug: "Debug", info: "Info", warn: "Warn", error: "Error" } as const

export const open = async ({ levelMin, node, url, version }: Options): Promise<Telemetry> => {
  const scope = Scope.makeUnsafe()
  const resource = { serviceName: "orbit", serviceVersion: version, attributes: { "service.instance.id": node } }
  const base = url.replace(/\/$/, "")
  const exporting = Layer.mergeAll(
    OtlpLogger.layer({ url: `${base}/v1/logs`, resource, mergeWithExisting: false }),
    OtlpTracer.layer({ url: `${base}/v1/traces`, resource })
  )
  const layer = Layer.provide(exporting, [OtlpSerialization.layerJson, FetchHttpClient.layer])
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  const logging = Effect.runForkWith(Context.add(context, References.MinimumLogLevel, "All"))
  const exported = (trace: Trace["Service"]): Trace["Service"] => ({
    ...trace,
    emit: (level, name, fields) => {
      trace.emit(level, name, fields)
      if (ranks[level] < ranks[levelMin]) return
      logging(Effect.annotateLogs(Effect.logWithLevel(names[level])(name), { ...fields }))
    }
  })
  const tracer = Context.get(context, Tracer.Tracer)
  return {
    watch: (program) =>
      Effect.flatMap(Trace, (trace) =>
        program.pipe(Effect.provideService(Trace, exported(trace)), Effect.provideService(Tracer.Tracer, tracer))
      ),
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}
