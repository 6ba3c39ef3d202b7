import * as IndiaTime from "../../../src/domain/IndiaTime.ts"
import type { Decimal } from "../../../src/domain/Money.ts"

/** Shown if there is no value. */
export const none = "–"

const grouped = new Intl.NumberFormat("en-IN")
const groupedPaise = new Intl.NumberFormat("en-IN", { minimumFractionDigits: 2, maximumFractionDigits: 2 })

export const price = (value: number | null | undefined): string => (value === null || value === undefined ? none : value.toFixed(2))
export const spot = (value: number | null | undefined): string =>
  value === null || value === undefined ? none : groupedPaise.format(value)
export const strike = (value: number | null | undefined): string => (value === null || value === undefined ? none : grouped.format(value))
/** Uses a true minus sign, and no sign before zero. */
const minus = (text: string): string => (text.startsWith("-") ? (/[1-9]/.test(text) ? `−${text.slice(1)}` : text.slice(1)) : text)
export const fixed = (value: number | null | undefined, digits: number): string =>
  value === null || value === undefined ? none : minus(value.toFixed(digits))
const signed = (value: number, digits: number): string => (value > 0 && Number(value.toFixed(digits)) > 0 ? "+" : "") + fixed(value, digits)

/** The day's change as a share of the previous close, from the present price and the change in points; undefined without a close. */
const shareOf = (points: number, price: number): number | undefined => (price - points > 0 ? points / (price - points) : undefined)
/** The day's change in points and per cent of the previous close: "+12.30 (+0.45%)". Empty if either is unknown. */
export const dayChange = (points: number | null | undefined, price: number | null | undefined): string => {
  if (points === null || points === undefined || price === null || price === undefined) return ""
  const share = shareOf(points, price)
  return share === undefined ? signed(points, 2) : `${signed(points, 2)} (${signed(share * 100, 2)}%)`
}
/** The day's change in per cent only, for narrow columns: "+4.5". */
export const dayChangePercent = (points: number | null | undefined, price: number | null | undefined): string => {
  if (points === null || points === undefined || price === null || price === undefined) return none
  const share = shareOf(points, price)
  return share === undefined ? none : signed(share * 100, Math.abs(share) < 1 ? 1 : 0)
}
export const percent = (value: number | null | undefined): string =>
  value === null || value === undefined ? none : (value * 100).toFixed(2)

const crore = 10_000_000
const lakh = 100_000

/** A count in Indian units: 1.23Cr, 45.6L, 7.8K. */
export const count = (value: number | null | undefined): string => {
  if (value === null || value === undefined) return none
  const size = Math.abs(value)
  if (size >= crore) return `${(value / crore).toFixed(2)}Cr`
  if (size >= lakh) return `${(value / lakh).toFixed(size >= 100 * lakh ? 0 : 2)}L`
  if (size >= 1_000) return `${(value / 1_000).toFixed(1)}K`
  return String(value)
}
export const signedCount = (value: number | null | undefined): string =>
  value === null || value === undefined ? none : value > 0 ? `+${count(value)}` : minus(count(value))

/** The gateway's rupees with their sign, as text. The page does not calculate with the number. */
export const rupees = (value: Decimal | null | undefined, isSigned = true): string => {
  if (value === null || value === undefined) return none
  const amount = Number(value)
  const text = groupedPaise.format(Math.abs(amount))
  return amount < 0 ? `−${text}` : isSigned && amount > 0 ? `+${text}` : text
}

export const signOf = (value: Decimal | number | null | undefined): "up" | "down" | "flat" => {
  const amount = Number(value ?? 0)
  return amount > 0 ? "up" : amount < 0 ? "down" : "flat"
}

const zone = "Asia/Kolkata"
const clockFormat = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit" })
const minuteFormat = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" })
const dayFormat = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "numeric", month: "short" })
const isoDayFormat = new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" })
const weekdayFormat = new Intl.DateTimeFormat("en-GB", { timeZone: zone, weekday: "short" })
const longDayFormat = new Intl.DateTimeFormat("en-GB", { timeZone: zone, day: "numeric", month: "short", year: "numeric" })
const expiryFormat = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short", year: "2-digit" })

export const clock = (ms: number): string => clockFormat.format(ms)
export const minute = (ms: number): string => minuteFormat.format(ms)
export const longDay = (ms: number): string => longDayFormat.format(ms)
export const weekday = (ms: number): string => weekdayFormat.format(ms)
/** The calendar day in India, "YYYY-MM-DD". */
export const isoDay = (ms: number): string => isoDayFormat.format(ms)
export const day = (ms: number): string => dayFormat.format(ms)
/** Calendar days in India from a moment to the expiry day. */
export const daysTo = (expiryDay: string, ms: number): number => {
  return Math.round((Date.parse(expiryDay) - Date.parse(isoDay(ms))) / IndiaTime.dayMs)
}
export const expiry = (iso: string): string => expiryFormat.format(Date.parse(iso))

export const age = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  return seconds < 3600 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`
}
