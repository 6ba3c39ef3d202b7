import * as IndiaTime from "../IndiaTime.ts"
import * as Expiry from "./Expiry.ts"

/** NSE's continuous session, equity and derivatives: 09:15 to 15:30 India time, as ms of the day. */
export const openOfDayMs = 9.25 * 3_600_000
export const closeOfDayMs = Expiry.closeOfDayMs

const saturday = 6
const sunday = 0

/** Whether ticks are to be expected at an instant: a weekday within the session. Holidays are not known here. */
export const isSession = (atMs: number): boolean => {
  const weekday = new Date(atMs + IndiaTime.istOffsetMs).getUTCDay()
  if (weekday === saturday || weekday === sunday) return false
  const timeOfDayMs = IndiaTime.istTimeOfDayMs(atMs)
  return timeOfDayMs >= openOfDayMs && timeOfDayMs < closeOfDayMs
}
