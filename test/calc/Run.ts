import * as Command from "../../src/calc/Command.ts"

/** A command's output for an input that is passed in pieces of `pieceBytes`, so that lines and characters are cut anywhere. */
export const run = async (name: string, input: string | Uint8Array, pieceBytes = 65_536) => {
  const bytes = typeof input === "string" ? Buffer.from(input) : input
  let output = ""
  const problems: Array<string> = []
  await Command.commands.get(name)!({
    input: (async function* () {
      for (let from = 0; from < bytes.length; from += pieceBytes) yield bytes.subarray(from, from + pieceBytes)
    })(),
    write: async (text) => {
      output += text
    },
    report: ({ at, reason }) => void problems.push(`${at}: ${reason}`)
  })
  return { output, problems }
}

/** Rows of a CSV text without quotes, by column. */
export const rowsOf = (text: string): ReadonlyArray<Readonly<Record<string, string>>> => {
  const [header = "", ...lines] = text.trimEnd().split("\n")
  const names = header.split(",")
  return lines.map((line) => Object.fromEntries(line.split(",").map((cell, at) => [names[at] ?? "", cell])))
}
