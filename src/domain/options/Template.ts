/**
 * The usual option structures as legs without prices. Positive quantity gives the structure as described, negative its opposite. The
 * caller chooses the type `E` of an expiry.
 */
import { Data, Either } from "effect"
import type { OptionKind } from "./BlackScholes.ts"

/** One leg: quantity in units of the underlying, positive long. */
export interface Leg<E> {
  readonly kind: OptionKind
  readonly strike: number
  readonly expiry: E
  readonly quantity: number
}

/** Inputs that do not form the structure. */
export class InvalidTemplate extends Data.TaggedError("InvalidTemplate")<{ readonly template: string; readonly problem: string }> {
  override get message(): string {
    return `${this.template}: ${this.problem}`
  }
}

type Built<E> = Either.Either<ReadonlyArray<Leg<E>>, InvalidTemplate>

const build = <E>(
  template: string,
  strikes: ReadonlyArray<number>,
  quantity: number,
  legs: ReadonlyArray<readonly [kind: OptionKind, strike: number, expiry: E, times: number]>
): Built<E> => {
  const refuse = (problem: string) => Either.left(new InvalidTemplate({ template, problem }))
  if (!Number.isFinite(quantity) || quantity === 0) return refuse("quantity must be a number other than 0")
  for (const [i, strike] of strikes.entries()) {
    if (!(strike > 0 && strike < Number.MAX_VALUE)) return refuse("strikes must be positive numbers")
    if (i > 0 && strike <= (strikes[i - 1] as number)) return refuse("strikes must ascend")
  }
  return Either.right(legs.map(([kind, strike, expiry, times]) => ({ kind, strike, expiry, quantity: times * quantity })))
}

/** Long a call and a put of one strike. */
export const straddle = <E>(expiry: E, strike: number, quantity: number): Built<E> =>
  build("straddle", [strike], quantity, [
    ["CE", strike, expiry, 1],
    ["PE", strike, expiry, 1]
  ])

/** Long a put and a call above it. */
export const strangle = <E>(expiry: E, put: number, call: number, quantity: number): Built<E> =>
  build("strangle", [put, call], quantity, [
    ["PE", put, expiry, 1],
    ["CE", call, expiry, 1]
  ])

/** Long one strike and short another of the same kind: bull call 100/110, bear call 110/100, bear put 110/100, bull put 100/110. */
export const vertical = <E>(expiry: E, kind: OptionKind, bought: number, sold: number, quantity: number): Built<E> =>
  build("vertical", bought < sold ? [bought, sold] : [sold, bought], quantity, [
    [kind, bought, expiry, 1],
    [kind, sold, expiry, -1]
  ])

/** Short the inner strangle, long the outer one: a credit with limited loss. */
export const ironCondor = <E>(
  expiry: E,
  longPut: number,
  shortPut: number,
  shortCall: number,
  longCall: number,
  quantity: number
): Built<E> =>
  build("iron condor", [longPut, shortPut, shortCall, longCall], quantity, [
    ["PE", longPut, expiry, 1],
    ["PE", shortPut, expiry, -1],
    ["CE", shortCall, expiry, -1],
    ["CE", longCall, expiry, 1]
  ])

/** Short a straddle, long the strangle around it: a credit with limited loss. */
export const ironButterfly = <E>(expiry: E, longPut: number, body: number, longCall: number, quantity: number): Built<E> =>
  build("iron butterfly", [longPut, body, longCall], quantity, [
    ["PE", longPut, expiry, 1],
    ["PE", body, expiry, -1],
    ["CE", body, expiry, -1],
    ["CE", longCall, expiry, 1]
  ])

/** Long the wings and short two of the body. */
export const butterfly = <E>(expiry: E, kind: OptionKind, low: number, body: number, high: number, quantity: number): Built<E> =>
  build("butterfly", [low, body, high], quantity, [
    [kind, low, expiry, 1],
    [kind, body, expiry, -2],
    [kind, high, expiry, 1]
  ])

/** Short the near expiry and long the far one at one strike. */
export const calendar = <E>(near: E, far: E, kind: OptionKind, strike: number, quantity: number): Built<E> =>
  build("calendar", [strike], quantity, [
    [kind, strike, near, -1],
    [kind, strike, far, 1]
  ])

/** Long one strike and short `times` of another further out of the money. */
export const ratio = <E>(expiry: E, kind: OptionKind, bought: number, sold: number, times: number, quantity: number): Built<E> =>
  times > 1 && Number.isFinite(times)
    ? build("ratio", kind === "CE" ? [bought, sold] : [sold, bought], quantity, [
        [kind, bought, expiry, 1],
        [kind, sold, expiry, -times]
      ])
    : Either.left(new InvalidTemplate({ template: "ratio", problem: "the ratio must be a number above 1" }))
