import { accountsFile, store } from "./lib/accounts.mjs"
import { log, Plain } from "./lib/paths.mjs"
import { run } from "./lib/run.mjs"
import { parseAccounts } from "./lib/simulator.mjs"
import { readKeys, sealed } from "./lib/vault.mjs"

/** Seals every secret of ACCOUNTS_FILE with the first key of ACCOUNTS_KEY_FILE, also those that an older key sealed. */
run(async () => {
  const keys = readKeys()
  if (keys.length === 0) throw new Plain("Set ACCOUNTS_KEY_FILE to the file with the keys: docs/operations.md shows its form.")
  const file = accountsFile()
  const accounts = parseAccounts(file)
  store(
    file,
    accounts.map((account) => sealed(keys, account))
  )
  log(`The secrets of ${accounts.length} accounts in ${file} are sealed with the key ${keys[0].id}. A running platform goes on.`)
})
