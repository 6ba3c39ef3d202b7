/** What a stop by a loss means, in plain words. */
import type { AccountLimits, StrategyLimits } from "../gateway/Contract.ts"
import * as Format from "../view/Format.ts"

type AccountStop = NonNullable<AccountLimits["stop"]>
type StrategyStop = NonNullable<StrategyLimits["stop"]>
type Closing = Pick<NonNullable<AccountStop["square_off"]>, "status" | "message">

const closings: Readonly<Record<Closing["status"], string>> = {
  running: "its positions are being closed",
  done: "its positions are closed",
  incomplete: "not all of its positions could be closed, so somebody must look",
  released: "its positions are no longer being closed"
}
const closing = ({ status, message }: Closing): string => {
  const what = closings[status]
  return status === "done" || message === null ? what : `${what} (${message})`
}
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`

const stopped = (what: string, { at, reason }: { readonly at: string; readonly reason: string }): string => {
  const atMs = Date.parse(at)
  return `${what} is stopped since ${Format.day(atMs)}, ${Format.clock(atMs)} IST: ${reason}. Its orders may only lower positions.`
}

export const ofAccount = (stop: AccountStop): string =>
  [stopped("The account", stop), ...(stop.square_off === null ? [] : [sentence(closing(stop.square_off))])].join(" ")

export const ofStrategy = (stop: StrategyStop): string =>
  [stopped("The strategy", stop), ...stop.square_offs.map((it) => sentence(`in ${it.account_id}, ${closing(it)}`))].join(" ")
