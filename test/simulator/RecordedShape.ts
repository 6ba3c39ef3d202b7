/** Compares answers of the simulator with recorded answers of Kite, by their keys and types. */
import { existsSync, readFileSync } from "node:fs"
import { expect } from "@effect/vitest"

/** The keys and types of a JSON value. The type of null is unknown. */
const shape = (value: unknown): unknown => {
  if (value === null) return null
  if (Array.isArray(value)) return value.slice(0, 1).map(shape)
  if (typeof value !== "object") return typeof value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shape(item)]))
}
/** Compares two shapes wherever both types are known. */
const compare = (actual: unknown, expected: unknown): void => {
  if (actual === null || expected === null) return
  if (typeof expected !== "object" || typeof actual !== "object") {
    expect(actual).toBe(expected)
    return
  }
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort())
  for (const key of Object.keys(expected)) compare((actual as Record<string, unknown>)[key], (expected as Record<string, unknown>)[key])
}
/** Compares the keys and types of two JSON values. */
export const compareShapes = (actual: unknown, expected: unknown): void => compare(shape(actual), shape(expected))

/** Recorded answers of Kite are not ours to publish, so the tests read them where they lie. Undefined without them. */
export const recordedAnswer = (file: string): { readonly data: unknown } | undefined => {
  const path = new URL(`../../../shared/data/kite/${file}`, import.meta.url)
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined
}
export const whereRecorded = "../shared/data/kite"
