/** The NATS header with the id of the REST request that led to a definition. The director writes it, and the actors' logs show it. */
export const requestHeader = "Tarang-Request"
