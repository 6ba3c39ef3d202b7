import { readFileSync } from "node:fs"

/** The paths of the WebSockets in the table of docs/api.md. */
export const documentedSockets = (): ReadonlyArray<string> => {
  const lines = readFileSync("docs/api.md", "utf8").split("\n")
  const from = lines.findIndex((line) => line.startsWith("| path | first message"))
  const rows = lines.slice(from + 2)
  return rows.slice(0, rows.indexOf("")).map((row) => row.split("`")[1] ?? row)
}
