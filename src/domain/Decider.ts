/** Behaviour as a value: no clock, no randomness, no I/O. Everything it needs arrives as input. */
export interface Decider<State, Input, Output> {
  readonly initial: State
  readonly decide: (state: State, input: Input) => readonly [State, ReadonlyArray<Output>]
}

/** Folds a whole batch in one synchronous pass, so that the caller runs one effect per batch. */
export const fold = <S, I, O>(self: Decider<S, I, O>, state: S, inputs: Iterable<I>): readonly [S, ReadonlyArray<O>] => {
  const outputs: Array<O> = []
  for (const input of inputs) {
    const [next, emitted] = self.decide(state, input)
    state = next
    for (const output of emitted) outputs.push(output)
  }
  return [state, outputs]
}
