/**
 * The program itself, with one addition: on SIGUSR2 it collects its garbage and writes the bytes that are left into the file of
 * SOAK_HEAP_FILE, so that a soak run can distinguish growth from garbage.
 */
import { renameSync, writeFileSync } from "node:fs"
import "../../src/main.ts"

const file = process.env["SOAK_HEAP_FILE"] ?? ""
process.on("SIGUSR2", () => {
  globalThis.gc?.()
  const { external, heapUsed } = process.memoryUsage()
  writeFileSync(`${file}.new`, String(heapUsed + external))
  renameSync(`${file}.new`, file)
})
