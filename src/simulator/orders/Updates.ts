/** Reports of orders to their account: messages on its sockets, and postbacks to the address of its app. */
import { Schema } from "effect"
import type * as Sessions from "../Sessions.ts"

export interface Update {
  readonly account: Sessions.Account
  /** The data of a socket's message. */
  readonly message: object
  /** The body of a postback; null if Kite sends none. */
  readonly postback: object | null
}

/** Faults of reports. */
export const UpdateFaults = Schema.Struct({
  /** Each report comes twice. */
  isDoubled: Schema.propertySignature(Schema.Boolean).pipe(Schema.fromKey("is_doubled")),
  /** Two reports come in the wrong order. */
  isSwapped: Schema.propertySignature(Schema.Boolean).pipe(Schema.fromKey("is_swapped")),
  /** No report comes. */
  isLost: Schema.propertySignature(Schema.Boolean).pipe(Schema.fromKey("is_lost")),
  delayMs: Schema.propertySignature(Schema.Int.pipe(Schema.between(0, 600_000))).pipe(Schema.fromKey("delay_ms"))
})
export type UpdateFaults = typeof UpdateFaults.Type
export const none: UpdateFaults = { isDoubled: false, isSwapped: false, isLost: false, delayMs: 0 }

/** A held report, which the next one shall overtake, is sent after this time if none follows. */
const overtakenMsMax = 500

export interface Options {
  readonly send: (update: Update) => void
  /** Runs something after a time. */
  readonly later: (afterMs: number, run: () => void) => void
}

export class Updates {
  readonly #options: Options
  #faults = none
  #held: Update | undefined

  constructor(options: Options) {
    this.#options = options
  }

  fail(faults: UpdateFaults): void {
    this.#faults = faults
  }

  publish(update: Update): void {
    const { delayMs, isLost } = this.#faults
    if (isLost) return
    if (delayMs > 0) this.#options.later(delayMs, () => this.#order(update))
    else this.#order(update)
  }

  #order(update: Update): void {
    const held = this.#held
    this.#held = undefined
    if (held === undefined && this.#faults.isSwapped) {
      this.#held = update
      this.#options.later(overtakenMsMax, () => {
        if (this.#held !== update) return
        this.#held = undefined
        this.#send(update)
      })
      return
    }
    this.#send(update)
    if (held !== undefined) this.#send(held)
  }

  #send(update: Update): void {
    this.#options.send(update)
    if (this.#faults.isDoubled) this.#options.send(update)
  }
}
