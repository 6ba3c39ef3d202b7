/** India Standard Time has no daylight saving time: the offset is always +05:30. Only this file of the domain knows IST. */
export const istOffsetMs = 19_800_000
export const minuteMs = 60_000
export const dayMs = 86_400_000
export const dayMinutes = 1_440

/** Act/365 fixed: one year of option time in milliseconds. */
export const yearMs = 365 * dayMs

const isoDateText = /^(\d{4})-(\d{2})-(\d{2})$/

/** "YYYY-MM-DD" of a calendar day, or null if the day does not exist. Months count from 1 to 12. */
export const isoDate = (year: number, month: number, day: number): string | null => {
  const at = new Date(Date.UTC(year, month - 1, day))
  if (at.getUTCFullYear() !== year || at.getUTCMonth() !== month - 1 || at.getUTCDate() !== day) return null
  return at.toISOString().slice(0, 10)
}

/** Whether the text is "YYYY-MM-DD" and such a day exists. */
export const isIsoDate = (text: string): boolean => {
  const match = isoDateText.exec(text)
  return match !== null && isoDate(Number(match[1]), Number(match[2]), Number(match[3])) !== null
}

/** UTC milliseconds of IST midnight at the start of a day; NaN if the text is not a day. */
export const istMidnightMs = (day: string): number => (isIsoDate(day) ? Date.parse(`${day}T00:00:00Z`) - istOffsetMs : Number.NaN)

/** Years (Act/365 fixed) from `nowMs` to expiry; zero or negative once expired. */
export const yearsTo = (expiryMs: number, nowMs: number): number => (expiryMs - nowMs) / yearMs

/** The day in India at a UTC instant, "YYYY-MM-DD". */
export const istDate = (ms: number): string => new Date(ms + istOffsetMs).toISOString().slice(0, 10)

/** The number of the day in India at a UTC instant, counted from 1 January 1970. Comparing it is a cheap test for the same session. */
export const istDay = (ms: number): number => Math.floor((ms + istOffsetMs) / dayMs)

/** UTC milliseconds of the midnight in India that begins the day of an instant. */
export const startOfDayMs = (ms: number): number => istDay(ms) * dayMs - istOffsetMs

/** Milliseconds after IST midnight at a UTC instant, 0 to 86,399,999. */
export const istTimeOfDayMs = (ms: number): number => (((ms + istOffsetMs) % dayMs) + dayMs) % dayMs

/** The start of the minute that holds an instant. */
export const minuteFloor = (ms: number): number => Math.floor(ms / minuteMs) * minuteMs

/** A UTC instant as ISO 8601, the form of every timestamp that we publish. */
export const isoTime = (ms: number): string => new Date(ms).toISOString()
export const isoTimeOrNull = (ms: number | null): string | null => (ms === null ? null : isoTime(ms))
