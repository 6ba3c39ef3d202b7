import { Metric, MetricKey, type MetricKeyType, MetricLabel } from "effect"

/**
 * Makes metrics with one label, for synchronous callbacks. Each value of the label gets its own metric once. Tagging a metric at each
 * update would look up its key each time, which costs as much as folding a frame.
 */
const byValue = <T extends MetricKeyType.MetricKeyType<number, unknown>>(key: MetricKey.MetricKey<T>, label: string) => {
  const make = (value: string) => Metric.fromMetricKey(MetricKey.taggedWithLabels(key, [MetricLabel.make(label, value)]))
  const known = new Map<string, ReturnType<typeof make>>()
  return {
    known,
    of: (value: string) => {
      const found = known.get(value)
      if (found !== undefined) return found
      const made = make(value)
      known.set(value, made)
      return made
    }
  }
}

export const counter = (name: string, description: string, label: string) => {
  const { of } = byValue(MetricKey.counter(name, { description, incremental: true }), label)
  return (value: string, by = 1): void => of(value).unsafeUpdate(by, [])
}

export const gauge = (name: string, description: string, label: string) => {
  const { known, of } = byValue(MetricKey.gauge(name, { description }), label)
  return {
    set: (value: string, level: number): void => of(value).unsafeUpdate(level, []),
    /** Stops reporting a label whose object is gone. Prometheus does not show a gauge that is NaN. */
    forget: (value: string): void => {
      known.get(value)?.unsafeUpdate(Number.NaN, [])
      known.delete(value)
    }
  }
}
