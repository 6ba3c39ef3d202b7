import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { start } from "./lib/children.mjs"
import { install } from "./lib/install.mjs"
import { Plain, root } from "./lib/paths.mjs"
import { run } from "./lib/run.mjs"

// The page tests walk through the page in a browser and take a picture of each state. The README shows these pictures.
const shown = {
  "chain-dark": "strategy-dark",
  "strategy-light": "payoff-light",
  phone: "phone",
  "order-dark": "an-order-dark-screen",
  "order-phone": "an-order-on-a-phone"
}
const target = join(root, "docs/screenshots")

run(async () => {
  await install()
  const folder = mkdtempSync(join(tmpdir(), "tarang-screenshots-"))
  try {
    const words = [join(root, "node_modules/vitest/vitest.mjs"), "run", "--coverage.enabled=false", "test/web"]
    const env = { ...process.env, TARANG_SCREENSHOTS: folder }
    const walked = await start("vitest", process.execPath, words, { cwd: root, log: "terminal", env }).ended
    if (walked.code !== 0) throw new Plain("The walk through the page failed; the runner's text is above. The pictures stay as they were.")
    mkdirSync(target, { recursive: true })
    for (const [name, picture] of Object.entries(shown)) copyFileSync(join(folder, `${picture}.png`), join(target, `${name}.png`))
    return 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
