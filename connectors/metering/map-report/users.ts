import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import pg from 'pg';
import type { ClientBase } from 'pg';

/** The group role of all who may run the report; it may do nothing else. */
export const mapReaderRole = 'concord_map_reader';

export interface MapUser {
  readonly role_name: string;
  readonly map_mpid: string;
  readonly sees_supplier: boolean;
  readonly sees_personal: boolean;
  readonly registered_by: string;
  readonly registered_at: Date;
  /** The login role is there, and in the group. */
  readonly is_ready: boolean;
}

export interface NewMapUser {
  readonly role: string;
  readonly map: string;
  readonly seesSupplier: boolean;
  readonly seesPersonal: boolean;
  /** Null leaves the password as it is. */
  readonly password: string | null;
}

/** Registers a login role as a MAP, in one transaction; makes the role where it is missing. Answers whether it did. */
export async function addMapUser(client: ClientBase, user: NewMapUser): Promise<{ readonly isNewRole: boolean }> {
  const role = pg.escapeIdentifier(user.role);
  await client.query('BEGIN');
  try {
    await ensureGroup(client);
    const isNewRole = !(await hasRole(client, user.role));
    if (isNewRole) await client.query(`CREATE ROLE ${role} LOGIN`);
    if (user.password !== null) {
      // The server keeps what it is given, and would write a plain one to its log.
      await client.query(`ALTER ROLE ${role} PASSWORD ${pg.escapeLiteral(scramVerifier(user.password))}`);
    }
    await client.query(`GRANT ${mapReaderRole} TO ${role}`);
    await client.query(
      `INSERT INTO report.map_user (role_name, map_mpid, sees_supplier, sees_personal) VALUES ($1, $2, $3, $4)
         ON CONFLICT (role_name) DO UPDATE SET map_mpid = excluded.map_mpid, sees_supplier = excluded.sees_supplier,
           sees_personal = excluded.sees_personal, registered_by = session_user, registered_at = now()`,
      [user.role, user.map, user.seesSupplier, user.seesPersonal],
    );
    await client.query('COMMIT');
    return { isNewRole };
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** Takes the registration and the group away, and leaves the role: it may be somebody else's, too. False when it was none. */
export async function removeMapUser(client: ClientBase, role: string): Promise<boolean> {
  await client.query('BEGIN');
  try {
    const { rowCount } = await client.query('DELETE FROM report.map_user WHERE role_name = $1', [role]);
    if (await hasRole(client, role)) await client.query(`REVOKE ${mapReaderRole} FROM ${pg.escapeIdentifier(role)}`);
    await client.query('COMMIT');
    return rowCount === 1;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}

export async function listMapUsers(client: ClientBase): Promise<readonly MapUser[]> {
  const { rows } = await client.query<MapUser>(
    `SELECT u.*, EXISTS (
         SELECT FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
         WHERE g.rolname = '${mapReaderRole}' AND r.rolname = u.role_name AND r.rolcanlogin) AS is_ready
       FROM report.map_user u ORDER BY u.map_mpid, u.role_name`,
  );
  return rows;
}

/** Roles belong to the server and not to the database, so the group is made here and not by a migration. */
async function ensureGroup(client: ClientBase): Promise<void> {
  if (!(await hasRole(client, mapReaderRole))) await client.query(`CREATE ROLE ${mapReaderRole} NOLOGIN`);
  const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name');
  await client.query(`
    GRANT CONNECT ON DATABASE ${pg.escapeIdentifier(rows[0]?.name ?? '')} TO ${mapReaderRole};
    GRANT USAGE ON SCHEMA report TO ${mapReaderRole};
    GRANT EXECUTE ON FUNCTION report.open_map_report, report.read_map_report TO ${mapReaderRole}`);
}

async function hasRole(client: ClientBase, role: string): Promise<boolean> {
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
  return rowCount === 1;
}

const iterations = 4096;

/** What PostgreSQL keeps of a password (RFC 5802, as pg_authid has it). */
export function scramVerifier(password: string, salt: Buffer = randomBytes(16)): string {
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, 32, 'sha256');
  const key = (name: string): Buffer => createHmac('sha256', salted).update(name).digest();
  const stored = createHash('sha256').update(key('Client Key')).digest();
  const parts = [stored, key('Server Key')].map((part) => part.toString('base64'));
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${parts.join(':')}`;
}
