import { join } from "node:path"
import { build, entry } from "./lib/build.mjs"
import { start } from "./lib/children.mjs"
import { install } from "./lib/install.mjs"
import { simulatorOptions } from "./lib/options.mjs"
import { folder, log, root } from "./lib/paths.mjs"
import { freePort } from "./lib/ports.mjs"
import { run } from "./lib/run.mjs"
import { givenAccounts, simulatorEnv, writeAccounts } from "./lib/simulator.mjs"

run(
  async () => {
    const market = simulatorOptions(process.argv.slice(2), process.env)
    await install()
    await build()
    const wish = Number(process.env.SIMULATOR_PORT ?? 8090)
    const port = await freePort(wish)
    const data = folder(process.env.TARANG_DATA ?? join(root, ".data"), "simulator")
    const { file, simulatorFile, spare } = writeAccounts(data, port, { given: givenAccounts(), count: market.platformAccounts })
    const simulator = start("simulator", process.execPath, ["--enable-source-maps", entry], {
      log: "terminal",
      cwd: root,
      env: simulatorEnv({ port, accountsFile: simulatorFile, market })
    })
    log(`Simulator: http://127.0.0.1:${port}${port === wish ? "" : ` (${wish} is taken)`}, the platform's accounts in ${file}`)
    log(`For you: api_key ${spare.api_key}, api_secret ${spare.api_secret}, login ${spare.root}/connect/login?v=3&api_key=${spare.api_key}`)
    const { code } = await simulator.ended
    return code ?? 1
  },
  { says: "Stopping ..." }
)
