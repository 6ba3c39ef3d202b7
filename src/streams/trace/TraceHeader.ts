import * as Headers from "@effect/platform/Headers"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import { Effect, type Option, type Tracer } from "effect"

/** The header of W3C's Trace Context, on NATS as on HTTP. */
export const name = "traceparent"

/** The trace id in Effect while tracing is off (src/Tracing.ts). */
const noTrace = "noop"

/** The header that makes the receiver's work part of the present trace. Empty outside a trace. */
export const current: Effect.Effect<Readonly<Record<string, string>>> = Effect.match(Effect.currentSpan, {
  onFailure: () => ({}),
  onSuccess: ({ sampled, spanId, traceId }): Readonly<Record<string, string>> =>
    traceId === noTrace ? {} : { [name]: `00-${traceId}-${spanId}-${sampled ? "01" : "00"}` }
})

/** The span that sent a message, by its header; none if it has no readable one. */
export const parentOf = (header: string): Option.Option<Tracer.ExternalSpan> => HttpTraceContext.w3c(Headers.fromInput({ [name]: header }))
