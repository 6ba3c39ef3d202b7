import { build } from "./lib/build.mjs"
import { install } from "./lib/install.mjs"
import { run } from "./lib/run.mjs"
import { buildWeb } from "./lib/web.mjs"

run(async () => {
  await install()
  await Promise.all([build(), buildWeb()])
})
