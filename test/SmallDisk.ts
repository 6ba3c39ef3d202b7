import { execFileSync, spawnSync } from "node:child_process"
import { chownSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const fillBytes = 64 * 1024
/** The record of any test is larger, and a program's log, which must name the error, is smaller. */
const limitBytes = 64 * 1024

/** A disk of a few MB for one program. */
export interface SmallDisk {
  readonly folder: string
  /** `tmpfs`: a file system that is really full. `limit`: this machine allows no mount, so the program's files may not grow. */
  readonly kind: "tmpfs" | "limit"
  /** Leaves no room. `pid` is the program that then meets a full disk. */
  readonly fill: (pid: number | undefined) => void
  readonly free: () => void
  readonly dispose: () => void
}

const write = (file: string): void => {
  const bytes = Buffer.alloc(fillBytes)
  const out = openSync(file, "w")
  try {
    for (let size = bytes.length; size > 0; ) {
      try {
        writeSync(out, bytes, 0, size)
      } catch {
        size = Math.floor(size / 2) // the last bytes, too
      }
    }
  } finally {
    closeSync(out)
  }
}

/**
 * Mounts a file system of `megabytes` in memory; its folder belongs to `uid`. Without the right to mount, a limit of the running program's file
 * size makes its writes fail in the same way (EFBIG instead of ENOSPC), and the test says so. Fails where neither is possible.
 */
export const smallDisk = (megabytes: number, uid?: number): SmallDisk => {
  const root = mkdtempSync(join(tmpdir(), "tarang-disk-"))
  const folder = join(root, "data")
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=0755`, "none", root], { encoding: "utf8" })
  const isMounted = mounted.status === 0
  mkdirSync(folder)
  if (uid !== undefined && isMounted) chownSync(folder, uid, -1)
  if (!isMounted) {
    if (spawnSync("prlimit", ["--version"]).status !== 0)
      throw new Error(`a full disk cannot be made here: no right to mount (${mounted.stderr ?? mounted.error?.message}), and no prlimit`)
    process.stderr.write(
      `No right to mount a small disk (${String(mounted.stderr).trim()}): a limit of the file size makes the writes fail instead.\n`
    )
  }
  const filler = join(root, "filler")
  return {
    folder,
    kind: isMounted ? "tmpfs" : "limit",
    fill: (pid) => {
      if (isMounted) write(filler)
      else execFileSync("prlimit", ["--pid", String(pid), `--fsize=${limitBytes}:`])
    },
    // A program that is started again has no limit.
    free: () => rmSync(filler, { force: true }),
    dispose: () => {
      if (isMounted) execFileSync("umount", ["--lazy", root])
      rmSync(root, { recursive: true, force: true })
    }
  }
}
