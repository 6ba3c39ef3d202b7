const idForm = /(?:TC|BE)-[A-Z]+-\d+/g
const titleForm = /^(?:(?:TC|BE)-[A-Z]+-\d+[\s,]+)*(?:TC|BE)-[A-Z]+-\d+\b/

/** The rows of the tables whose first column is "id". A cell with several ids gives several rows. */
export const rowsOf = (markdown) => {
  const rows = []
  let isList = false
  for (const line of markdown.split("\n")) {
    const cells = line.startsWith("|") ? line.split("|").map((cell) => cell.trim()) : []
    if (cells.length === 0) isList = false
    else if (cells[1] === "id") isList = true
    else if (isList) for (const id of cells[1].match(idForm) ?? []) rows.push({ id, text: cells.slice(2, -1).join("|") })
  }
  return rows
}

/** The results per id in the runner's JSON report and the benchmark reports: the source, and "passed", "failed" or "skipped". */
export const resultsOf = (testReport, benchReports) => {
  const tests = (testReport.testResults ?? []).flatMap(({ assertionResults = [] }) => assertionResults)
  const ofTests = tests.flatMap(({ title, status }) => {
    const ids = titleForm.exec(title)?.[0].match(idForm) ?? []
    return ids.map((id) => ({ id, from: "tests", state: status === "passed" || status === "failed" ? status : "skipped" }))
  })
  const ofBenches = benchReports.flatMap(({ entries = [] }) =>
    entries.map(({ id, ok }) => ({ id, from: "benchmarks", state: ok === true ? "passed" : "failed" }))
  )
  return [...ofTests, ...ofBenches]
}

/**
 * Each row with its verdict, and the ids without a row (a title with a mistyped id proves nothing). A row with both tests and a
 * benchmark is proven only if both pass: a benchmark does not replace a skipped test.
 */
export const judge = (rows, results) => {
  const said = (id, from) => {
    const states = results.filter((one) => one.id === id && one.from === from).map((one) => one.state)
    return ["failed", "passed", "skipped"].find((state) => states.includes(state))
  }
  const verdict = (id) => {
    const both = [said(id, "tests"), said(id, "benchmarks")]
    return ["failed", "skipped", "passed"].find((state) => both.includes(state)) ?? "none"
  }
  const known = new Set(rows.map(({ id }) => id))
  return {
    rows: rows.map((row) => ({ ...row, verdict: verdict(row.id) })),
    unknown: [...new Set(results.map(({ id }) => id).filter((id) => !known.has(id)))].sort()
  }
}
