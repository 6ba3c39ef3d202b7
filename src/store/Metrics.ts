import { Metric } from "effect"

/** Exported as 0 from the start, so that its first increment is visible. */
const diskFull = Metric.counter("database_disk_full_total", {
  description: "Statements that Postgres refused because its disk is full (SQLSTATE 53100)",
  incremental: true
})
diskFull.unsafeUpdate(0, [])

export const databaseDiskFull = (): void => diskFull.unsafeUpdate(1, [])
