import { uptime } from "node:os"
import { Clock, Context, DefaultServices, Effect, Layer } from "effect"

/** The clocks of a machine, ms. */
export interface Clocks {
  /** The wall clock. Somebody may set it ahead or back while the process runs. It also counts while the machine is suspended. */
  readonly wallMs: () => number
  /** Never steps. It stops while the machine is suspended. */
  readonly steadyMs: () => number
  /** Time since the boot. It never steps, and counts while the machine is suspended. Reading it costs microseconds; the others are faster. */
  readonly bootMs: () => number
}
export const real: Clocks = { wallMs: () => Date.now(), steadyMs: () => performance.now(), bootMs: () => uptime() * 1_000 }

export interface Instant {
  readonly wallMs: number
  readonly steadyMs: number
  readonly bootMs: number
}
export const now = (clocks: Clocks): Instant => ({ wallMs: clocks.wallMs(), steadyMs: clocks.steadyMs(), bootMs: clocks.bootMs() })

/** While NTP slowly corrects the wall clock, it gains less than this on the steady clock within the life of a lease. */
const driftMaxMs = 100
/**
 * Time since an instant, including time in which the machine was suspended. If the wall clock has advanced further than the steady one,
 * either the machine was suspended or somebody set the wall clock; then the clock since the boot decides. A virtual machine that its host
 * paused may see none of the pause on either clock. Its lease then counts as held until its next renewal, and readers refuse what it writes
 * by its epoch.
 */
export const elapsedMs = (clocks: Clocks, since: Instant): number => {
  const steadyMs = clocks.steadyMs() - since.steadyMs
  if (clocks.wallMs() - since.wallMs <= steadyMs + driftMaxMs) return steadyMs
  return Math.max(steadyMs, clocks.bootMs() - since.bootMs)
}

/** Effect's clock, except that its time does not step with the machine's wall clock. */
export const steady = (): Clock.Clock => {
  const startMs = Date.now() - performance.now()
  const nowMs = () => startMs + performance.now()
  return Object.assign(Clock.make(), { unsafeCurrentTimeMillis: nowMs, currentTimeMillis: Effect.sync(nowMs) })
}
/** The clock by which the cluster library finds idle actors. */
export class LibraryClock extends Context.Reference<LibraryClock>()("actors/placement/LibraryClock", { defaultValue: steady }) {}

/** Runs a layer of the cluster library on the LibraryClock. */
export const onLibraryClock = <A, E, R>(layer: Layer.Layer<A, E, R>) =>
  Layer.unwrapEffect(
    Effect.map(LibraryClock, (clock) => Layer.locallyWith(layer, DefaultServices.currentServices, Context.add(Clock.Clock, clock)))
  )
