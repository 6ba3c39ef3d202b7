export interface Survivor {
  readonly file: string
  /** The first line of the source that it changes. */
  readonly line: string
  readonly mutator: string
  readonly original: string
  readonly replacement: string
}
export interface Explained extends Survivor {
  readonly reason: string
}
/** The part of Stryker's report that is read. */
export interface Report {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly source: string
        readonly mutants: ReadonlyArray<{
          readonly status: string
          readonly mutatorName: string
          readonly replacement: string
          readonly location: Readonly<Record<"start" | "end", { readonly line: number; readonly column: number }>>
        }>
      }
    >
  >
}
export type Counts = Readonly<Record<string, Readonly<Record<string, number>>>>
export declare const judge: (
  report: Report,
  list: ReadonlyArray<Explained>
) => { readonly counts: Counts; readonly unlisted: ReadonlyArray<Survivor>; readonly gone: ReadonlyArray<Explained> }
export declare const reportOf: (counts: Counts, list: ReadonlyArray<Explained>) => string
