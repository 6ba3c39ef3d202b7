import type { Api } from "../gateway/Api.ts"
import type { CalendarStatus, Holiday } from "../gateway/Contract.ts"
import * as Format from "../view/Format.ts"

export interface Place {
  readonly exchange: string
  readonly symbol: string
}
/** A heading and its text. */
export type Row = readonly [name: string, text: string]

/** Days that are asked for. The exchanges publish one year's list at a time. */
const daysMax = 100
const specialKinds = ["muhurat", "special_open", "extended"]

const timesOf = ({ session, is_trading_day }: CalendarStatus): string => {
  if (session !== null) return `${Format.minute(Date.parse(session.opens_at))} to ${Format.minute(Date.parse(session.closes_at))} IST`
  return is_trading_day === null ? "unknown" : "none"
}
const phaseOf = ({ phase }: CalendarStatus): string => phase.replaceAll("_", "-")
const dayOf = (found: Holiday | undefined): string | undefined => found && `${Format.expiry(found.date)}, ${found.name}`

/** The exchange, its present phase, today's session, and the next days that differ. `holidays` begin today, in the order of their dates. */
export const rowsOf = (status: CalendarStatus, holidays: ReadonlyArray<Holiday>): ReadonlyArray<Row> => {
  const special = dayOf(holidays.find(({ kind }) => specialKinds.includes(kind)))
  const opens = status.next_open === null ? undefined : Date.parse(status.next_open)
  return [
    ["Exchange", status.exchange],
    ["Now", phaseOf(status)],
    ["Session today", timesOf(status)],
    ["Opens next", opens === undefined ? "unknown" : `${Format.weekday(opens)} ${Format.day(opens)}, ${Format.minute(opens)} IST`],
    ["Next holiday", dayOf(holidays.find(({ kind }) => kind === "holiday")) ?? "none is published yet"],
    ...(special === undefined ? [] : [["Next special session", special] as const])
  ]
}

/** Asks for the calendar of an exchange as of market time. */
export const ask = async (api: Api, { exchange, symbol }: Place): Promise<ReadonlyArray<Row>> => {
  const status = await api.calendar.status({ urlParams: { exchange, symbol } })
  const from = Format.isoDay(Date.parse(status.as_of))
  const { holidays } = await api.calendar.holidays({ urlParams: { exchange, symbol, from, limit: daysMax, offset: 0 } })
  return rowsOf(status, holidays)
}
