import { beforeEach, it, makeMethods } from "@effect/vitest"

// `layer` of @effect/vitest 0.30.0 replaces the methods of the one `it` that all files of a thread share: `it.effect` of the next file would
// run with the layer of the file before. So each file starts with the methods that the package exports.
Object.assign(it, makeMethods(it))

// Vitest goes from one synchronous test to the next without a turn of the event loop. On a busy machine a file of such tests kept the
// answers of vitest's main process unread for more than a minute, which vitest reports as an error of the run.
const turn = () => new Promise<void>((resolve) => void setImmediate(resolve))
beforeEach(async () => {
  await turn()
  await turn()
})
