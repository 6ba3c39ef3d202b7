/** Legs of one strategy. Its definition is one message of the record, and a message holds about 2,500 legs. */
export const legsMax = 100

/** Strategies of one user. Each has an actor that is valued several times a second. */
export const strategiesPerUserMax = 1_000
