import { Metric } from "effect"

/** The value of a counter or gauge with these labels; 0 if it was never updated. */
export const valueOf = (name: string, labels: Readonly<Record<string, string>> = {}): number => {
  const wanted = Object.entries(labels)
  for (const { metricKey, metricState } of Metric.unsafeSnapshot()) {
    if (metricKey.name !== name || metricKey.tags.length !== wanted.length) continue
    if (!wanted.every(([key, value]) => metricKey.tags.some((tag) => tag.key === key && tag.value === value))) continue
    return "count" in metricState ? Number(metricState.count) : "value" in metricState ? Number(metricState.value) : 0
  }
  return 0
}
