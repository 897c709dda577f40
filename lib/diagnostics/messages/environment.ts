/** STW4xx: Python environments and launching. */
export {};
