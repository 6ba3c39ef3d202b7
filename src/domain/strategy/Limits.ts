/** Largest number of legs of a strategy. Its definition is one message of the record, which can hold about 2,500 legs. */
export const legsMax = 100

/** Largest number of strategies of one user. Each is valued several times a second. */
export const strategiesPerUserMax = 1_000
