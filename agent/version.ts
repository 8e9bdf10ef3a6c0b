/** Version of the agent, as in the root package.json (a test compares them). */
export const AGENT_VERSION = '0.1.0';
