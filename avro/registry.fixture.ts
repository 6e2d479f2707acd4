/** Deletes every subject that begins with the prefix, for good. */
export async function deleteSubjects(registryUrl: string, prefix: string): Promise<void> {
  const subjects: unknown = await (await fetch(`${registryUrl}/subjects`)).json();
  if (!Array.isArray(subjects)) throw new Error('the registry lists no subjects');
  for (const subject of subjects.map(String).filter((name) => name.startsWith(prefix))) {
    const path = `${registryUrl}/subjects/${encodeURIComponent(subject)}`;
    await fetch(path, { method: 'DELETE' });
    await fetch(`${path}?permanent=true`, { method: 'DELETE' });
  }
}
