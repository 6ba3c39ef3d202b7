import { root } from "./lib/paths.mjs"
import { fullFolders, longFunctions } from "./lib/sizes.mjs"

const folders = ["src", "web/src"]
const wrong = [...longFunctions(root, folders), ...fullFolders(root, [...folders, "test"])]
for (const line of wrong) console.error(line)
process.exit(wrong.length === 0 ? 0 : 1)
