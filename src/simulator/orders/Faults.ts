/** Faults of requests about orders. A fault affects the request, its answer, or both. */
import { Schema } from "effect"
import { Random } from "../Random.ts"

const delayMsMax = 600_000
const afterMs = Schema.propertySignature(Schema.Int.pipe(Schema.between(0, delayMsMax))).pipe(Schema.fromKey("after_ms"))
const isCarriedOut = Schema.propertySignature(Schema.Boolean).pipe(Schema.fromKey("is_carried_out"))

export const Fault = Schema.Union(
  /** The request is carried out, and the connection closes without an answer. */
  Schema.Struct({ kind: Schema.Literal("drop_reply") }),
  /** The connection closes, and the request is never carried out. */
  Schema.Struct({ kind: Schema.Literal("lose") }),
  /** The connection closes, and the request is carried out this much later. */
  Schema.Struct({ kind: Schema.Literal("late"), afterMs }),
  /** The request is carried out at once, and answered this much later. */
  Schema.Struct({ kind: Schema.Literal("slow"), afterMs }),
  /** The connection stays open, and no answer comes. */
  Schema.Struct({ kind: Schema.Literal("hang"), isCarriedOut }),
  /** The connection is reset. */
  Schema.Struct({ kind: Schema.Literal("reset"), isCarriedOut }),
  /** The proxy in front of the broker answers 504. */
  Schema.Struct({ kind: Schema.Literal("gateway_timeout"), isCarriedOut }),
  /** The broker answers that it cannot reach its order system. */
  Schema.Struct({ kind: Schema.Literal("network"), status: Schema.Literal(500, 502, 503), isCarriedOut }),
  /** The request is refused with 429. */
  Schema.Struct({ kind: Schema.Literal("too_many") }),
  /** The access token ends just before the request, so this request and all later ones are refused until the next login. */
  Schema.Struct({ kind: Schema.Literal("token_expires") })
)
export type Fault = typeof Fault.Type

/** Whether a fault affects requests that change orders or requests that read them. `isCarriedOut` has no meaning for reads. */
export type Target = "change" | "read"

/** Random faults of requests that change orders. */
export interface Scatter {
  readonly seed: number
  /** The share of the requests that fail, 0 to 1. */
  readonly share: number
  readonly among: ReadonlyArray<Fault>
}

interface Waiting {
  readonly fault: Fault
  /** Undefined for any account. */
  readonly accountId: string | undefined
}

/** Faults that wait for requests, in their order. */
export class Faults {
  readonly #waiting: Readonly<Record<Target, Array<Waiting>>> = { change: [], read: [] }
  readonly #applied = new Map<Fault["kind"], number>()
  #scatter: (Scatter & { readonly random: Random }) | undefined

  /** Adds faults for the next requests that change orders. */
  add(...faults: ReadonlyArray<Fault>): void {
    this.addTo("change", faults)
  }

  /** Adds faults for the next requests of one account, or of any. Reads are requests for orders and trades. */
  addTo(target: Target, faults: ReadonlyArray<Fault>, accountId?: string): void {
    this.#waiting[target].push(...faults.map((fault) => ({ fault, accountId })))
  }

  scatter(scatter: Scatter | undefined): void {
    this.#scatter = scatter === undefined ? undefined : { ...scatter, random: new Random(scatter.seed) }
  }

  clear(): void {
    this.#waiting.change.length = 0
    this.#waiting.read.length = 0
    this.#scatter = undefined
  }

  /** Removes the faults that wait for one account. */
  clearOf(accountId: string): void {
    for (const waiting of Object.values(this.#waiting))
      waiting.splice(0, waiting.length, ...waiting.filter((one) => one.accountId !== accountId))
  }

  take(target: Target, accountId: string): Fault | undefined {
    const waiting = this.#waiting[target]
    const at = waiting.findIndex((one) => one.accountId === undefined || one.accountId === accountId)
    const next = at < 0 ? undefined : waiting.splice(at, 1)[0]?.fault
    const fault = next ?? (target === "change" ? this.#scattered() : undefined)
    if (fault !== undefined) this.#applied.set(fault.kind, (this.#applied.get(fault.kind) ?? 0) + 1)
    return fault
  }

  waiting(target: Target): number {
    return this.#waiting[target].length
  }

  /** How often each kind happened. */
  applied(): Readonly<Partial<Record<Fault["kind"], number>>> {
    return Object.fromEntries(this.#applied)
  }

  #scattered(): Fault | undefined {
    if (this.#scatter === undefined) return undefined
    const { among, random, share } = this.#scatter
    return random.next() < share ? among[Math.floor(random.next() * among.length)] : undefined
  }
}
