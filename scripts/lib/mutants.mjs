/** Mutants that no test noticed, and the list of those that are accepted with a reason. */

const isSurvivor = ({ status }) => status === "Survived" || status === "NoCoverage"

/** Describes a mutant by its text, so that it stays the same when lines before it change. */
const described = (file, source, { location: { end, start }, mutatorName, replacement }) => {
  const lines = source.split("\n").slice(start.line - 1, end.line)
  const cut = lines.map((line, at) => line.slice(at === 0 ? start.column - 1 : 0, at === lines.length - 1 ? end.column - 1 : undefined))
  return { file, line: lines[0].trim(), mutator: mutatorName, original: cut.join("\n"), replacement }
}
const keyOf = ({ file, line, mutator, original, replacement }) => JSON.stringify([file, line, mutator, original, replacement])

const countsOf = (mutants) => {
  const counts = {}
  for (const { status } of mutants) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

/**
 * Compares Stryker's report with the list: how many mutants each file has of each status, survivors that the list does not explain, and
 * reasons whose mutant no longer survives.
 */
export const judge = ({ files }, list) => {
  for (const one of list) if (!one.reason) throw new Error(`no reason is given for ${JSON.stringify(one)}`)
  const found = Object.entries(files).flatMap(([file, { mutants, source }]) =>
    mutants.filter(isSurvivor).map((mutant) => described(file, source, mutant))
  )
  const listed = new Set(list.map(keyOf))
  const surviving = new Set(found.map(keyOf))
  return {
    counts: Object.fromEntries(Object.entries(files).map(([file, { mutants }]) => [file, countsOf(mutants)])),
    unlisted: found.filter((one) => !listed.has(keyOf(one))),
    gone: list.filter((one) => !surviving.has(keyOf(one)))
  }
}

const code = (text) => `\`${text.replaceAll(/\s+/g, " ").replaceAll("|", "\\|")}\``

/** The report of a run whose survivors are all explained, as Markdown. */
export const reportOf = (counts, list) => {
  const sum = (of, ...statuses) => statuses.reduce((total, status) => total + (of[status] ?? 0), 0)
  const row = (file, of) =>
    `| ${file} | ${sum(of, ...Object.keys(of))} | ${sum(of, "Killed", "Timeout")} | ${sum(of, "Survived", "NoCoverage")} |`
  const all = Object.values(counts).flatMap(Object.entries)
  const total = {}
  for (const [status, count] of all) total[status] = (total[status] ?? 0) + count
  return `${[
    "# Mutants of the deciders of orders",
    "",
    "`npm run mutants` wrote this file. Stryker changes one expression at a time, and for each change one of the direct tests fails, or its reason stands below.",
    "The reasons are kept in `test/domain/orders/survivors.json`. The command fails if a mutant survives that is not listed there.",
    "",
    "| file | mutants | killed | survived |",
    "|---|---|---|---|",
    ...Object.entries(counts).map(([file, of]) => row(`\`${file}\``, of)),
    row("all", total),
    "",
    "## Survivors",
    "",
    ...(list.length === 0
      ? ["None."]
      : list.map(
          ({ file, line, original, reason, replacement }) =>
            `- \`${file}\`, ${code(line)}: ${code(original)} becomes ${code(replacement)}. ${reason}`
        ))
  ].join("\n")}\n`
}
