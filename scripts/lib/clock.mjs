import { chmodSync, copyFileSync, existsSync, renameSync } from "node:fs"
import { join } from "node:path"
import { unpack } from "./apt.mjs"
import { openFolder } from "./backends.mjs"
import { isRoot, Plain } from "./paths.mjs"

const triplet = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" }[process.arch] ?? ""

/** libfaketime of Debian's package, in a folder that Postgres' user can also read. */
const library = async () => {
  const unpacked = await unpack("faketime", ["libfaketime"], ["own"])
  const file = unpacked === undefined ? "" : join(unpacked, "usr/lib", triplet, "faketime/libfaketimeMT.so.1")
  if (!existsSync(file)) throw new Plain("A shifted clock needs libfaketime, which is brought on Debian and Ubuntu only.")
  if (!isRoot) return file
  const open = join(openFolder("faketime"), "libfaketimeMT.so.1")
  // Renamed into its place: a program that has loaded the library crashes if the file is written over.
  const copy = `${open}.${process.pid}`
  copyFileSync(file, copy)
  chmodSync(copy, 0o644)
  renameSync(copy, open)
  return open
}

/**
 * The environment in which a program starts at `atMs` by its wall clock, which then runs on. Its monotonic clock stays the machine's,
 * so that timers keep their lengths; so do file times. TARANG_CLOCK_ZERO_MS is the real wall-clock time at the monotonic clock's zero.
 * From it a process computes its shift.
 */
export const shiftedEnv = async (atMs) => ({
  LD_PRELOAD: await library(),
  DONT_FAKE_MONOTONIC: "1",
  NO_FAKE_STAT: "1",
  FAKETIME_FMT: "%s",
  FAKETIME: `@${Math.round(atMs / 1000)}`,
  TARANG_CLOCK_ZERO_MS: String(Date.now() - Number(process.hrtime.bigint()) / 1e6)
})
