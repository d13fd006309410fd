// node-oracledb against the stand-in: `node strangers.js host:port/service user password package`; prints what it read as JSON.
const oracledb = require(process.argv[5]);

async function main(connectString, user, password) {
  const connection = await oracledb.getConnection({ user, password, connectString });
  await connection.execute(
    `CREATE TABLE node_t (id NUMBER PRIMARY KEY, name VARCHAR2(40), n NVARCHAR2(20), at TIMESTAMP(6),
     l TIMESTAMP WITH LOCAL TIME ZONE, c CHAR(5), f BINARY_FLOAT, r RAW(10))`,
  );
  const at = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678));
  const rows = Array.from({ length: 500 }, (_, n) => [n, `name ${n}`, "온도", at, at, "ab", 1.5, Buffer.from("xy")]);
  const types = [
    { type: oracledb.NUMBER }, { type: oracledb.STRING, maxSize: 40 }, { type: oracledb.DB_TYPE_NVARCHAR, maxSize: 40 },
    { type: oracledb.DB_TYPE_TIMESTAMP }, { type: oracledb.DB_TYPE_TIMESTAMP_LTZ }, { type: oracledb.STRING, maxSize: 5 },
    { type: oracledb.DB_TYPE_BINARY_FLOAT }, { type: oracledb.BUFFER, maxSize: 10 },
  ];
  const insert = "INSERT INTO node_t VALUES (:1, :2, :3, :4, :5, :6, :7, :8)";
  const stored = await connection.executeMany(insert, rows, { autoCommit: true, batchErrors: true, bindDefs: types });
  const again = await connection.executeMany(insert, rows.slice(0, 2), { batchErrors: true, bindDefs: types });
  const found = await connection.execute("SELECT * FROM node_t WHERE id = :1", [7]);
  const all = await connection.execute("SELECT id FROM node_t ORDER BY id");
  let refused = "";
  try {
    const out = { dir: oracledb.BIND_OUT, type: oracledb.NUMBER };
    await connection.execute("INSERT INTO node_t (id) VALUES (:1) RETURNING id INTO :2", [9999, out]);
  } catch (error) {
    refused = error.message.split("\n")[0];
  }
  await connection.ping();
  await connection.close();
  const pool = await oracledb.createPool({ user, password, connectString, poolMin: 1, poolMax: 2 });
  const pooled = await pool.getConnection();
  const one = await pooled.execute("SELECT SESSIONTIMEZONE FROM dual");
  await pooled.close();
  await pool.close(0);
  console.log(JSON.stringify({
    version: oracledb.versionString, stored: stored.rowsAffected, refused, zone: one.rows[0][0],
    duplicates: again.batchErrors.map((error) => [error.offset, error.message.slice(0, 9)]),
    row: found.rows[0].map((cell) => (Buffer.isBuffer(cell) ? cell.toString() : cell)), count: all.rows.length,
  }));
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
