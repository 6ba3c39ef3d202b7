import { istMidnightMs } from "../IndiaTime.ts"

/** 15:30 IST: when equity and index derivatives of NSE and BSE expire, in milliseconds after IST midnight. */
export const closeOfDayMs = 15.5 * 3_600_000

/** UTC milliseconds when a contract of this expiry ends: 15:30 IST unless `timeOfDayMs` says another time after IST midnight (MCX 23:30). */
export const expiryAtMs = (expiry: string, timeOfDayMs: number = closeOfDayMs): number => istMidnightMs(expiry) + timeOfDayMs
