/** A map that holds at most `max` entries: an entry beyond that drops the first one. A value that is set again keeps its place, as in a Map. */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #max: number

  constructor(max: number) {
    super()
    this.#max = max
  }

  override set(key: K, value: V): this {
    super.set(key, value)
    if (this.size <= this.#max) return this
    for (const first of this.keys()) {
      this.delete(first)
      break
    }
    return this
  }

  /** Sets a value and moves its entry to the end, so that it is dropped last. */
  renew(key: K, value: V): void {
    this.delete(key)
    this.set(key, value)
  }
}
