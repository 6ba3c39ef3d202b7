import * as IndiaTime from "../IndiaTime.ts"

/** A calendar day as a count of days since 1970-01-01: cheap to compare and to step. */
export type Day = number

export const lengthMs = IndiaTime.dayMs

/** The day in India at a UTC instant. */
export const at = (ms: number): Day => Math.floor((ms + IndiaTime.istOffsetMs) / lengthMs)

export const ofIso = (text: string): Day => Date.parse(`${text}T00:00:00Z`) / IndiaTime.dayMs
export const iso = (day: Day): string => new Date(day * IndiaTime.dayMs).toISOString().slice(0, 10)

/** 0 is Sunday, 6 Saturday. */
export const weekday = (day: Day): number => (((day + 4) % 7) + 7) % 7
export const isWeekend = (day: Day): boolean => weekday(day) === 0 || weekday(day) === 6

/** Sessions are on five days of a week. */
export const daysPerSession = 7 / 5

/** The Monday that begins the day's calendar week. */
export const mondayOf = (day: Day): Day => day - ((weekday(day) + 6) % 7)

/** UTC milliseconds of the day's midnight in India. */
export const midnightMs = (day: Day): number => day * IndiaTime.dayMs - IndiaTime.istOffsetMs

/** First day of a month. `month` counts from 1 and may exceed 12. */
export const firstOfMonth = (year: number, month: number): Day => Date.UTC(year, month - 1, 1) / IndiaTime.dayMs
export const yearOf = (day: Day): number => new Date(day * IndiaTime.dayMs).getUTCFullYear()
/** 1 to 12. */
export const monthOf = (day: Day): number => new Date(day * IndiaTime.dayMs).getUTCMonth() + 1

const earliest: Day = Number.NEGATIVE_INFINITY
const latest: Day = Number.POSITIVE_INFINITY

/** A rule's range of days, both inclusive. Null in the data means open. */
export interface Range {
  readonly fromDay: Day
  readonly toDay: Day
}
export const range = ({ from, to }: { readonly from: string | null; readonly to: string | null }): Range => ({
  fromDay: from === null ? earliest : ofIso(from),
  toDay: to === null ? latest : ofIso(to)
})
export const holds = ({ fromDay, toDay }: Range, day: Day): boolean => day >= fromDay && day <= toDay
