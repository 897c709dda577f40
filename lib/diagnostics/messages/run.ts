/** STW5xx: running a plan. */
export {};
