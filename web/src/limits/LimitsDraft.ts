/** Limits as the texts of a form, and what such a text means. */
import { Either, Schema } from "effect"
import { Decimal } from "../../../src/client/Client.ts"
import * as Money from "../../../src/domain/Money.ts"
import * as Format from "../view/Format.ts"

export type Kind = "rupees" | "percent" | "seconds" | "count"
export interface Limit {
  readonly name: string
  /** What it limits, in a few words. */
  readonly title: string
  readonly kind: Kind
}
export type Limits<Key extends string> = Readonly<Record<Key, Limit>>
/** The text of each limit, empty for no limit, and what happens when the loss is reached. */
export type Draft<Key extends string> = Readonly<Record<Key | "action", string>>

/** The bounds of the gateway's contract. */
const countMax = 1_000_000
const secondsMax = 3_600

const isMoney = (text: string): boolean => Either.isRight(Schema.decodeUnknownEither(Money.MoneyInput)(text))
const isAbove = (text: string): boolean => isMoney(text) && new Decimal(text).gt(0)

const rules: Readonly<Record<Kind, { readonly isGood: (text: string) => boolean; readonly wanted: string }>> = {
  rupees: { isGood: isAbove, wanted: "must be above zero, with digits and at most one point" },
  percent: { isGood: isAbove, wanted: "must be above zero, with digits and at most one point" },
  seconds: {
    isGood: (text) => isAbove(text) && new Decimal(text).gte("0.001") && new Decimal(text).lte(secondsMax),
    wanted: `must be a number of seconds up to ${secondsMax}`
  },
  count: {
    isGood: (text) => /^[1-9]\d*$/.test(text) && Number(text) <= countMax,
    wanted: `must be a whole number from 1 to ${countMax}`
  }
}

export const keysOf = <Key extends string>(limits: Limits<Key>): ReadonlyArray<Key> => Object.keys(limits) as Array<Key>

/** The draft that shows the limits in force. */
export const of = <Key extends string>(
  limits: Limits<Key>,
  values: Readonly<Record<NoInfer<Key>, Decimal | number | null>>,
  action: string
): Draft<Key> => {
  const texts = keysOf(limits).map((key) => [key, values[key] === null ? "" : String(values[key])])
  return { ...Object.fromEntries(texts), action }
}

/** Why the draft cannot be set as it is; undefined if nothing is wrong. */
export const problemOf = <Key extends string>(limits: Limits<Key>, draft: Draft<NoInfer<Key>>): string | undefined => {
  for (const key of keysOf(limits)) {
    const { name, kind } = limits[key]
    if (draft[key] !== "" && !rules[kind].isGood(draft[key])) return `${name} ${rules[kind].wanted}.`
  }
  return undefined
}

export const amountOf = (text: string): Decimal | null => (text === "" ? null : new Decimal(text))
export const numberOf = (text: string): number | null => (text === "" ? null : Number(text))

/** A limit as it is shown: "no limit", "50,000.00", "2 %". */
export const shown = ({ kind }: Limit, text: string): string => {
  if (text === "") return "no limit"
  switch (kind) {
    case "rupees":
      return Format.rupees(new Decimal(text), false)
    case "percent":
      return `${text} %`
    case "seconds":
      return `${text} s`
    case "count":
      return Format.strike(Number(text))
  }
}
