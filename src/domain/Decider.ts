/** A behavior as a value: no clock, no randomness, no I/O; everything it knows arrives as input. */
export interface Decider<State, Input, Output> {
  readonly initial: State
  readonly decide: (state: State, input: Input) => readonly [State, ReadonlyArray<Output>]
}

/** Fold a whole batch in one synchronous pass: one effect per batch, not per input. */
export const fold = <S, I, O>(self: Decider<S, I, O>, state: S, inputs: Iterable<I>): readonly [S, ReadonlyArray<O>] => {
  const outputs: Array<O> = []
  for (const input of inputs) {
    const [next, emitted] = self.decide(state, input)
    state = next
    for (const output of emitted) outputs.push(output)
  }
  return [state, outputs]
}
