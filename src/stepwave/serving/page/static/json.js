// JSON as people read it.

/** A line for each part; what is no JSON stays as it is, since a tool may answer anything. */
export function indented(json) {
  try {
    return JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    return json;
  }
}
