type State = "passed" | "failed" | "skipped"
interface Row {
  readonly id: string
  readonly text: string
}
interface Result {
  readonly id: string
  readonly from: "tests" | "benchmarks"
  readonly state: State
}
interface TestReport {
  readonly testResults?: ReadonlyArray<{ readonly assertionResults?: ReadonlyArray<{ readonly title: string; readonly status: string }> }>
}
interface BenchReport {
  readonly entries?: ReadonlyArray<{ readonly id: string; readonly ok?: boolean }>
}
export declare const rowsOf: (markdown: string) => ReadonlyArray<Row>
export declare const resultsOf: (testReport: TestReport, benchReports: ReadonlyArray<BenchReport>) => ReadonlyArray<Result>
export declare const judge: (
  rows: ReadonlyArray<Row>,
  results: ReadonlyArray<Result>
) => { readonly rows: ReadonlyArray<Row & { readonly verdict: State | "none" }>; readonly unknown: ReadonlyArray<string> }
