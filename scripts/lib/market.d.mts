export interface MarketReport {
  readonly mode: "live" | "synthetic" | "recorded" | "days"
  readonly state: "running" | "closed" | "ended"
  readonly time: string
  readonly phase: string | null
  readonly speed: number | "max" | null
}
export interface RecordingFacts {
  readonly contracts: number
  readonly not_in_dump: number
  readonly lines_skipped: number
  readonly counted: "contracts" | "units"
  readonly counted_by: "option" | "values"
}
export declare const marketName: (market: MarketReport) => string
export declare const recordingName: (file: string, facts: RecordingFacts) => string
