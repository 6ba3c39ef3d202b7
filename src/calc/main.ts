import * as Command from "./Command.ts"
import type { Problem } from "./Problem.ts"

const [name = "", ...more] = process.argv.slice(2)
const command = Command.commands.get(name)

const write = (text: string): Promise<void> =>
  new Promise((resolve, reject) => process.stdout.write(text, (error) => (error ? reject(error) : resolve())))

const report = ({ at, reason }: Problem): void => {
  process.exitCode = 1
  process.stderr.write(`${at}: ${reason}\n`)
}

const isOfClosedPipe = (error: Error): boolean => "code" in error && error.code === "EPIPE"
process.stdout.on("error", (error) => {
  // The reader of our output closed the pipe early (| head), which is not an error.
  if (!isOfClosedPipe(error)) report({ at: "standard output", reason: error.message })
  process.exit()
})

if (name === "--help" || name === "-h") await write(Command.usage)
else if (command === undefined || more.length > 0) {
  process.exitCode = 2
  process.stderr.write(Command.usage)
} else await command({ input: process.stdin, write, report })
