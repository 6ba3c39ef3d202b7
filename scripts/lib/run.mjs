import { basename } from "node:path"
import { stopEverything } from "./children.mjs"
import { log, Plain, readOr } from "./paths.mjs"

const watchMs = 200

let ending

/** The processes that started us: npm, or the shell in which npm runs the script, and then npm. */
const starters = (script) => {
  const parentOf = (pid) => /\) \S (\d+)/.exec(readOr(`/proc/${pid}/stat`, ""))?.[1] ?? ""
  const isShellOfNpm = readOr(`/proc/${process.ppid}/cmdline`, "").includes(script)
  return `${process.ppid} ${isShellOfNpm ? parentOf(process.ppid) : ""}`
}

/** Ends this process when npm ends. A killed npm sends no signal, so the parent's pid is watched. */
const endWithNpm = () => {
  const script = basename(process.argv[1] ?? "")
  if (script === "" || !process.env.npm_lifecycle_script?.includes(script)) return
  const first = starters(script)
  setInterval(() => starters(script) !== first && process.kill(process.pid, "SIGTERM"), watchMs).unref()
}

const systemAdvice = {
  EACCES: "Is it another user's, from a start as root perhaps? Give it to this user, or set TARANG_DATA to another folder.",
  EPERM: "Is it another user's, from a start as root perhaps? Give it to this user, or set TARANG_DATA to another folder.",
  EROFS: "The file system is read-only: set TARANG_DATA to a folder elsewhere.",
  ENOSPC: "The disk is full.",
  ENOTDIR: "A file is in the place of a folder: remove it, or set TARANG_DATA to another folder.",
  EEXIST: "A file is in the place of a folder: remove it, or set TARANG_DATA to another folder.",
  EMFILE: "Too many open files: raise the limit (ulimit -n)."
}

const textOf = (error) => {
  if (error instanceof Plain) return error.message
  // An error of the operating system names the call, the file and the reason. Any other error is our fault and needs its stack.
  if (error.syscall === undefined && error.info === undefined) return error.stack
  const advice = systemAdvice[error.code]
  return `${error.message}${advice === undefined ? "" : `\n${advice}`}`
}

/** Runs one step of the end. A failure is printed, and the later steps still run. */
const isDone = async (step) => {
  try {
    await step()
    return true
  } catch (error) {
    log(textOf(error))
    return false
  }
}

/** Stops the started programs in reverse order, and ends this process once. */
const end = (code, before) => {
  ending ??= (async () => {
    const steps = [await isDone(before), await isDone(stopEverything)]
    process.exit(steps.every(Boolean) ? code : 1)
  })()
  return ending
}

/** Runs a script's main part. Signals stop it in order. A failure that the user can correct is printed without a stack. */
export const run = (main, { atEnd = () => {}, says = "" } = {}) => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (ending === undefined && says !== "") log(says)
      void end(signal === "SIGINT" && says === "" ? 130 : 0, atEnd)
    })
  }
  endWithNpm()
  main().then(
    (code = 0) => end(code, atEnd),
    (error) => {
      if (ending === undefined) log(textOf(error))
      return end(1, atEnd)
    }
  )
}
