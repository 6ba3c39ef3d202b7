/** Compares answers of the simulator with recorded answers of Kite, by their keys and types. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
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

/** An answer that Kite gave. These files are not ours to publish; undefined without the folder that TARANG_REFERENCE_DATA names. */
export const recordedAnswer = (file: string): { readonly data: unknown } | undefined => {
  const path = join(process.env["TARANG_REFERENCE_DATA"] ?? "", "kite", file)
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined
}
export const whereRecorded = "the folder kite of TARANG_REFERENCE_DATA"
