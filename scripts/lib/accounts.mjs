import { readFileSync, rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { Plain, readOr, root } from "./paths.mjs"

/** The accounts' file that ACCOUNTS_FILE names, else that of the running platform. */
export const accountsFile = () => {
  if (process.env.ACCOUNTS_FILE) return resolve(process.env.INIT_CWD ?? process.cwd(), process.env.ACCOUNTS_FILE)
  const running = JSON.parse(readOr(join(process.env.TARANG_DATA ?? join(root, ".data"), "run.json"), "{}"))
  if (typeof running.accounts_file === "string") return running.accounts_file
  throw new Plain("Which accounts? Set ACCOUNTS_FILE to the file with the accounts, or start the platform first.")
}

/** Writes in place, because a container may have this file mounted. The copy beside it survives a power loss meanwhile. */
export const store = (file, accounts) => {
  const copy = `${file}.new`
  writeFileSync(copy, `${JSON.stringify(accounts, null, 2)}\n`, { mode: 0o600 })
  writeFileSync(file, readFileSync(copy))
  rmSync(copy)
}
